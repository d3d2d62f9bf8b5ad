// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include "vassal/protocol/gateway.h"

#include "vassal/protocol/environ.h"
#include "vassal/protocol/request_start.h"

namespace vassal::protocol {
namespace {

// nginx sends an empty CONTENT_LENGTH where there is no body, and a real one beside HTTP_TRANSFER_ENCODING after it
// has taken a chunked upload apart.
int read_framing(Head& head) {
    const std::string_view text = head.params.value(Known::content_length);
    if (text.empty()) return 0;
    const auto length = parse_length(text);
    if (!length) return 400;
    head.content_length = *length;
    head.params.remove(Known::http_transfer_encoding);
    return 0;
}

}  // namespace

int complete_gateway_head(Head& head, const Limits& limits, const Facts& facts) {
    if (const int status = complete_environ(head, facts); status != 0) return status;
    if (const int status = read_framing(head); status != 0) return status;
    take_request_id(head);
    take_request_start(head);
    return head.content_length > limits.body ? 413 : 0;
}

void find_path(ParamSet& params) {
    if (params.find(Known::path_info) != nullptr) return;
    if (const std::string_view script = params.value(Known::script_name); !script.empty()) {
        params.add("PATH_INFO", script, Known::path_info);
        params.replace("SCRIPT_NAME", "", Known::script_name);
    } else if (const app::Param* document = params.find("DOCUMENT_URI"); document != nullptr) {
        params.add("PATH_INFO", document->value, Known::path_info);
    }
}

}  // namespace vassal::protocol
