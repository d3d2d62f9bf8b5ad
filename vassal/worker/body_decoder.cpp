// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/body_decoder.h"

#include <algorithm>

namespace vassal::worker {

BodyDecoder::Step BodyDecoder::next(std::string_view bytes) {
    if (has_ended()) return {};
    Step step;
    switch (framing_) {
        case Framing::length: step = next_of_length(bytes); break;
        case Framing::chunked: step = next_chunk(bytes); break;
        case Framing::records:
        case Framing::open_records: step = next_record(bytes); break;
    }
    if (step.data.size() > most_ - size_) failure_ = 413;
    if (failure_ != 0) return {step.consumed, {}};
    size_ += step.data.size();
    if (framing_ == Framing::length) is_complete_ = size_ == length_;
    // The stream must be as long as CONTENT_LENGTH says: a part of a request must not pass for the whole.
    if (framing_ == Framing::records && is_complete_ && size_ < length_) failure_ = 400;
    return step;
}

BodyDecoder::Step BodyDecoder::next_of_length(std::string_view bytes) const noexcept {
    const std::size_t count = std::min<std::uint64_t>(bytes.size(), length_ - size_);
    return {count, bytes.substr(0, count)};
}

BodyDecoder::Step BodyDecoder::next_chunk(std::string_view bytes) {
    const auto step = chunks_.next(bytes);
    failure_ = chunks_.failure();
    is_complete_ = chunks_.is_done();
    return {step.consumed, step.data};
}

BodyDecoder::Step BodyDecoder::next_record(std::string_view bytes) {
    const auto step = records_->next(bytes, replies_);
    if (records_->is_bad() || (framing_ == Framing::records && step.data.size() > length_ - size_)) failure_ = 400;
    is_complete_ = records_->is_done();
    return {step.consumed, step.data};
}

}  // namespace vassal::worker
