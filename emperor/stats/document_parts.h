// SPDX-License-Identifier: Apache-2.0
// The parts that the documents of documents.h are made of. Internal to this room; pure.
#pragma once

#include "emperor/stats/documents.h"
#include "emperor/stats/json_text.h"

namespace emperor::stats {

inline constexpr std::int64_t second_us = 1'000'000;

// document_workers.cpp: an object in uWSGI's form, richer keys behind.
void write_worker(JsonText& json, const Subject& subject, const WorkerFigures& worker, std::int64_t first_id,
                  const Samples& samples, Detail detail);

// document_rich.cpp: the keys that uWSGI does not have, the same for a vassal's own document and its entry in the
// fleet's.
void write_rich(JsonText& json, const Subject& subject);
void write_durations(JsonText& json, const DurationFacts& service, const DurationFacts& queue);

}  // namespace emperor::stats
