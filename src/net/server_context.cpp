#include "understudy/context.hpp"
#include "wire/json_text.hpp"

namespace understudy {
namespace {

/// Member `name` of context.understudy, as JSON text; empty if there is none.
std::string_view understudy_member(std::string_view context, std::string_view name) {
  const auto ours = wire::find_member(context, "understudy");
  if (!ours) return {};
  return wire::find_member(*ours, name).value_or(std::string_view());
}

}  // namespace

const json& context::value() const {
  if (!value_) value_ = from_json_text<json>(text_);
  return *value_;
}

void context::set_text(std::string text) {
  text_ = std::move(text);
  value_.reset();
}

void context::renew(std::string_view text, std::string_view method) {
  text_ = text;
  method_ = method;
  value_.reset();
}

std::int64_t context::attempt() const {
  return wire::decode_int(understudy_member(text_, "attempt")).value_or(0);
}

std::string context::own_member(std::string_view name) const {
  return wire::decode_string(understudy_member(text_, name));
}

}  // namespace understudy
