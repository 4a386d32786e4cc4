#include "app/calls/stored_text.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <initializer_list>

#include "wire/json_text.hpp"
#include "wire/method_name.hpp"
#include "wire/request.hpp"

namespace understudy::app {

namespace {

constexpr std::string_view own_member = "understudy";

// Each part with its length before it: no two lists of parts look alike.
store::print print_of(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  store::print print;
  std::copy_n(digest.begin(), print.size(), print.begin());
  return print;
}

// `"understudy":{...}` for a server.
std::string own_text(std::string_view ticket, unsigned attempt, std::string_view key) {
  std::string text = "\"understudy\":{\"call\":";
  wire::append_string(text, ticket);
  text += ",\"attempt\":" + std::to_string(attempt) + ",\"key\":";
  wire::append_string(text, key);
  text += '}';
  return text;
}

}  // namespace

std::string kept_context(std::string_view context) {
  if (wire::kind_of(context) != wire::json_kind::object) return "[]";
  std::string kept;
  wire::for_each_member(context, [&](const wire::json_member& member) {
    if (wire::key_is(member, own_member)) return true;
    kept += kept.empty() ? '{' : ',';
    kept += '"';
    kept += member.key;
    kept += "\":";
    kept += member.value;
    return true;
  });
  if (kept.empty()) return "[]";
  return kept + '}';
}

std::string attempt_request(const store::claimed_call& call, std::string_view ticket,
                            unsigned attempt) {
  std::string context = "{" + own_text(ticket, attempt, call.key);
  const bool more = call.context.size() > 2 && call.context.front() == '{';
  if (more) {
    context += ',';
    context.append(call.context, 1);
  } else {
    context += '}';
  }
  std::string request;
  wire::append_request(request, call.method, call.params, context);
  return request;
}

store::print key_print(std::string_view scope, std::string_view method, std::string_view key) {
  const auto at = std::min(method.find('@'), method.size());
  return print_of({scope, method.substr(0, at), wire::fold_method(method.substr(at)), key});
}

store::print content_print(std::string_view method, std::string_view params) {
  return print_of({method, params});
}

}  // namespace understudy::app
