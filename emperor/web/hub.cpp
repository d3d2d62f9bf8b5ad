// SPDX-License-Identifier: Apache-2.0
#include "emperor/web/hub.h"

namespace emperor::web {

namespace {

stats::Document event_of(const stats::Answer& answer) {
    return std::make_shared<const std::string>(event_text("rows", *answer.body));
}

}  // namespace

void Hub::add(const std::shared_ptr<EventStream>& stream) {
    // Newer than what the others have is no harm: the next document tells it some of that again.
    const stats::Answer answer = rows_(0);
    stream->push(event_of(answer));
    if (streams_.empty()) {
        sent_ = answer.revision;
        arm();
    }
    streams_.insert(stream);
}

void Hub::remove(const std::shared_ptr<EventStream>& stream) {
    streams_.erase(stream);
    if (streams_.empty()) timer_.disarm();
}

void Hub::close() {
    streams_.clear();
    timer_.disarm();
}

void Hub::arm() {
    timer_.arm_after(tick_, [this] {
        send();
        if (!streams_.empty()) arm();
    });
}

// A document without rows too: it says that we are here and what time it is.
void Hub::send() {
    const stats::Answer answer = rows_(sent_);
    sent_ = answer.revision;
    const stats::Document event = event_of(answer);
    for (const std::shared_ptr<EventStream>& stream : streams_) stream->push(event);
}

}  // namespace emperor::web
