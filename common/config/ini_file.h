// SPDX-License-Identifier: Apache-2.0
// A file of uWSGI's that was renamed and not rewritten: what YAML makes of "[uwsgi]" and "key = value" helps nobody, so it
// is recognised before it is parsed. Internal to this room.
#pragma once

#include "common/config/source_text.h"

namespace common::config {

// True: it is one, and said so, with what to write for each of its options. No text that begins like one is a valid
// configuration.
[[nodiscard]] bool complain_about_ini(const SourceText& source, Diagnostics& diagnostics);

}  // namespace common::config
