// Writes JSON objects and arrays, member by member, into one string.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "wire/json_text.hpp"

namespace understudy::app {

/// Opens on construction, closes on destruction; what is written in between must nest like scopes:
/// an object is not written to while an inner one is open.
class json_scope {
 public:
  json_scope(std::string& out, char open, char close) : out_(out), close_(close) { out_ += open; }
  json_scope(const json_scope&) = delete;
  json_scope& operator=(const json_scope&) = delete;
  ~json_scope() { out_ += close_; }

 protected:
  void separate() {
    if (!empty_) out_ += ',';
    empty_ = false;
  }
  std::string& out_;

 private:
  char close_;
  bool empty_ = true;
};

class json_object : public json_scope {
 public:
  explicit json_object(std::string& out) : json_scope(out, '{', '}') {}

  /// The name alone: the caller appends exactly one value next.
  std::string& key(std::string_view name) {
    separate();
    wire::append_string(out_, name);
    out_ += ':';
    return out_;
  }
  void text(std::string_view name, std::string_view value) {
    wire::append_string(key(name), value);
  }
  void number(std::string_view name, std::integral auto value) {
    key(name) += std::to_string(value);
  }
  void number(std::string_view name, double value);
  void raw(std::string_view name, std::string_view json) { key(name) += json; }
};

class json_array : public json_scope {
 public:
  explicit json_array(std::string& out) : json_scope(out, '[', ']') {}

  /// The caller appends exactly one value next.
  std::string& element() {
    separate();
    return out_;
  }
  void text(std::string_view value) { wire::append_string(element(), value); }
};

}  // namespace understudy::app
