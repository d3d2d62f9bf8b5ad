// SPDX-License-Identifier: Apache-2.0
#include "common/config/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <map>
#include <sstream>
#include <string_view>
#include <utility>

#include "common/config/yaml_syntax.h"

namespace common::config {

namespace {

// Leaves yaml-cpp's parser from inside an event; caught in parse_yaml.
struct Abort {
    Position position;
    int width;
    std::string message;
};

// yaml-cpp counts from 0, in bytes.
Position position_at(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

// Builds the tree from events instead of using YAML::Node: that one keeps the first of duplicate keys in silence, and
// its aliases make a graph on which a walk can take exponential time.
class Builder : public YAML::EventHandler {
public:
    Builder(const SourceText& source, Diagnostics& diagnostics) : source_(source), diagnostics_(diagnostics) {}

    [[nodiscard]] std::optional<Node> take_root() { return std::move(root_); }

    // The innermost list or map that was begun and not ended: where to look when the parser gave up.
    [[nodiscard]] std::optional<Position> open_position() const {
        return frames_.empty() ? std::nullopt : std::optional(frames_.back().node.position);
    }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ == 1) return;
        Position position = position_at(mark);
        for (int line = position.line; line > 0; --line)
            if (source_.line(line).starts_with("---")) {
                position = {line, 1};
                break;
            }
        throw Abort{position, 3, "a second document begins here (one file is one vassal)"};
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        Node node;
        node.position = position_at(mark);
        // The mark of an absent value is that of the next token: the key is the better place.
        if (!frames_.empty() && frames_.back().key) {
            node.position = frames_.back().key->position;
            node.width = frames_.back().key->width;
        }
        count(1, 0, node.position);
        add(std::move(node), anchor);
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        Node node;
        node.kind = Node::Kind::scalar;
        node.text = value;
        node.is_plain = tag == "?" || tag.empty();
        const ScalarExtent extent = scalar_extent(source_, position_at(mark), value);
        node.position = extent.position;
        node.width = extent.width;
        if (extent.is_unterminated) throw Abort{extent.position, 1, "the quote that opens here is never closed"};
        if (!check_tag(tag, position_at(mark))) node.is_plain = true;  // one finding is enough
        count(1, value.size(), node.position);
        add(std::move(node), anchor);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) throw Abort{position_at(mark), 1, "this alias stands inside of its own anchor"};
        count(found->second.nodes, found->second.bytes, position_at(mark));
        add(found->second.node, 0);
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(Node::Kind::sequence, mark, tag, anchor);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(Node::Kind::map, mark, tag, anchor);
    }
    void OnMapEnd() override { close(); }

private:
    struct Frame {
        Node node;
        YAML::anchor_t anchor = 0;
        std::size_t nodes_before = 0;
        std::size_t bytes_before = 0;
        std::optional<Node> key;           // read, its value not yet
        std::map<std::string, int> lines;  // of the keys so far
    };
    struct Anchored {
        Node node;
        std::size_t nodes = 0;
        std::size_t bytes = 0;
    };

    void count(std::size_t nodes, std::size_t bytes, Position position) {
        nodes_ += nodes;
        bytes_ += bytes;
        if (nodes_ > max_nodes || bytes_ > max_scalar_bytes)
            throw Abort{position, 1, "the file becomes too large when its aliases are filled in"};
    }

    bool check_tag(const std::string& tag, Position position) {
        if (tag.empty() || tag == "?" || tag == "!" || tag == "tag:yaml.org,2002:str" ||
            tag == "tag:yaml.org,2002:map" || tag == "tag:yaml.org,2002:seq")
            return true;
        diagnostics_.push_back(source_.error(position, 1, "YAML tags are not supported (remove it)"));
        return false;
    }

    void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
        const Position position = position_at(mark);
        (void)check_tag(tag, position);
        if (frames_.size() >= max_depth)
            throw Abort{position, 1, "nested more than " + std::to_string(max_depth) + " levels deep"};
        Frame frame;
        frame.node.kind = kind;
        frame.node.position = position;
        frame.anchor = anchor;
        frame.nodes_before = nodes_;
        frame.bytes_before = bytes_;
        count(1, 0, position);
        frames_.push_back(std::move(frame));
    }

    void close() {
        Frame frame = std::move(frames_.back());
        frames_.pop_back();
        nodes_of_closed_ = nodes_ - frame.nodes_before;
        bytes_of_closed_ = bytes_ - frame.bytes_before;
        add(std::move(frame.node), frame.anchor);
    }

    void add(Node node, YAML::anchor_t anchor) {
        if (anchor != 0) {
            const bool is_leaf = node.kind == Node::Kind::null || node.kind == Node::Kind::scalar;
            const Anchored anchored{node, is_leaf ? 1 : nodes_of_closed_,
                                    is_leaf ? node.text.size() : bytes_of_closed_};
            count(anchored.nodes, anchored.bytes, node.position);
            anchors_.insert_or_assign(anchor, anchored);
        }
        if (frames_.empty())
            root_ = std::move(node);
        else if (Frame& frame = frames_.back(); frame.node.kind == Node::Kind::sequence)
            frame.node.items.push_back(std::move(node));
        else if (!frame.key)
            frame.key = std::move(node);
        else
            add_entry(frame, *std::exchange(frame.key, std::nullopt), std::move(node));
    }

    void add_entry(Frame& frame, Node key, Node value) {
        const auto complain = [&](std::string message) {
            diagnostics_.push_back(source_.error(key.position, key.width, std::move(message)));
        };
        if (key.kind != Node::Kind::scalar) return complain("a key must be a word");
        if (key.is_plain && key.text == "<<")
            return complain("merge keys ('<<') are not supported (put shared settings into _defaults.yaml)");
        const auto [first, is_new] = frame.lines.emplace(key.text, key.position.line);
        if (!is_new)
            return complain("duplicate key " + in_quotes(key.text) + " (first on line " +
                            std::to_string(first->second) + ")");
        frame.node.keys.push_back(std::move(key));
        frame.node.items.push_back(std::move(value));
    }

    const SourceText& source_;
    Diagnostics& diagnostics_;
    int documents_ = 0;
    std::optional<Node> root_;
    std::vector<Frame> frames_;
    std::map<YAML::anchor_t, Anchored> anchors_;
    std::size_t nodes_ = 0;
    std::size_t bytes_ = 0;
    std::size_t nodes_of_closed_ = 0;
    std::size_t bytes_of_closed_ = 0;
};

}  // namespace

std::optional<Node> parse_yaml(const SourceText& source, Diagnostics& diagnostics) {
    if (auto problem = find_bad_bytes(source)) {
        diagnostics.push_back(std::move(*problem));
        return std::nullopt;
    }
    Builder builder(source, diagnostics);
    try {
        std::istringstream stream{std::string(source.text())};
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const Abort& abort) {
        diagnostics.push_back(source.error(abort.position, abort.width, abort.message));
        return std::nullopt;
    } catch (const YAML::Exception& exception) {
        append_syntax_errors(source, position_at(exception.mark), builder.open_position(), exception.msg, diagnostics);
        return std::nullopt;
    } catch (const std::exception& exception) {
        diagnostics.push_back(source.error({}, 1, std::string("cannot be parsed: ") + exception.what()));
        return std::nullopt;
    }
    auto root = builder.take_root();
    return root ? std::move(root) : Node{};
}

}  // namespace common::config
