#include "coord/etcd/etcd_json.hpp"

#include <boost/json.hpp>
#include <charconv>
#include <utility>

#include "coord/etcd/base64.hpp"

namespace understudy::coord::etcd {
namespace {

namespace json = boost::json;

json::object range_of(std::string_view key) {
  json::object range;
  range["key"] = to_base64(key);
  return range;
}

std::optional<json::object> parse_object(std::string_view text) {
  boost::system::error_code error;
  json::value all = json::parse(text, error);
  if (error || !all.is_object() || all.get_object().contains("error")) return std::nullopt;
  return std::move(all.get_object());
}

/// A stream's messages are wrapped.
std::optional<json::object> parse_result(std::string_view text) {
  auto all = parse_object(text);
  if (!all) return std::nullopt;
  auto* const result = all->if_contains("result");
  if (result == nullptr || !result->is_object()) return std::nullopt;
  return std::move(result->get_object());
}

/// All answers have one: without it is something else.
const json::object* header_of(const json::object& answer) {
  const auto* const header = answer.if_contains("header");
  return header == nullptr ? nullptr : header->if_object();
}

/// False where the member is there and no integer. Left out, it is 0.
bool read_int(const json::object& from, std::string_view name, std::int64_t& into) {
  const auto* const found = from.if_contains(name);
  if (found == nullptr) return true;
  if (const auto* const number = found->if_int64()) {
    into = *number;
    return true;
  }
  const auto* const text = found->if_string();
  if (text == nullptr) return false;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), into);
  return error == std::errc{} && end == text->data() + text->size();
}

/// False where it is no answer to a range.
bool read_found(const json::object& range, std::optional<key_value>& into) {
  const auto* const list = range.if_contains("kvs");
  if (list == nullptr) return true;
  if (!list->is_array() || list->get_array().size() != 1) return false;
  const auto* const kv = list->get_array().front().if_object();
  if (kv == nullptr) return false;
  key_value out;
  if (!read_int(*kv, "mod_revision", out.changed_at) || !read_int(*kv, "lease", out.lease)) {
    return false;
  }
  if (const auto* const value = kv->if_contains("value")) {
    if (!value->is_string()) return false;
    auto bytes = from_base64(value->get_string());
    if (!bytes) return false;
    out.value = std::move(*bytes);
  }
  if (out.changed_at <= 0) return false;
  into = std::move(out);
  return true;
}

std::optional<lease_answer> read_lease(const std::optional<json::object>& from) {
  lease_answer out;
  if (!from || header_of(*from) == nullptr || !read_int(*from, "ID", out.lease) ||
      !read_int(*from, "TTL", out.ttl_seconds) || out.lease == 0) {
    return std::nullopt;
  }
  return out;
}

json::object compare(const condition& when, std::string_view target) {
  json::object out = range_of(when.key);
  out["target"] = target;
  return out;
}

}  // namespace

std::string range_text(std::string_view key) {
  return json::serialize(range_of(key));
}

std::string txn_text(const condition& when, const std::vector<put>& then,
                     std::string_view otherwise) {
  json::array compares;
  if (when.changed_at) {
    json::object one = compare(when, "MOD");
    one["mod_revision"] = std::to_string(*when.changed_at);
    compares.push_back(std::move(one));
  }
  if (when.value) {
    json::object one = compare(when, "VALUE");
    one["value"] = to_base64(*when.value);
    compares.push_back(std::move(one));
  }
  json::array puts;
  for (const put& each : then) {
    json::object what = range_of(each.key);
    what["value"] = to_base64(each.value);
    if (each.lease != 0) what["lease"] = std::to_string(each.lease);
    json::object one;
    one["request_put"] = std::move(what);
    puts.push_back(std::move(one));
  }
  json::object read;
  read["request_range"] = range_of(otherwise);
  json::array reads;
  reads.push_back(std::move(read));
  json::object all;
  all["compare"] = std::move(compares);
  all["success"] = std::move(puts);
  all["failure"] = std::move(reads);
  return json::serialize(all);
}

std::string grant_text(std::int64_t ttl_seconds) {
  json::object all;
  all["TTL"] = std::to_string(ttl_seconds);
  return json::serialize(all);
}

std::string lease_text(std::int64_t lease) {
  json::object all;
  all["ID"] = std::to_string(lease);
  return json::serialize(all);
}

std::string watch_text(std::string_view key) {
  json::object all;
  all["create_request"] = range_of(key);
  return json::serialize(all);
}

std::optional<range_answer> parse_range(std::string_view text) {
  const auto all = parse_object(text);
  range_answer out;
  if (!all || header_of(*all) == nullptr || !read_found(*all, out.found)) return std::nullopt;
  return out;
}

std::optional<txn_answer> parse_txn(std::string_view text) {
  const auto all = parse_object(text);
  if (!all) return std::nullopt;
  const auto* const header = header_of(*all);
  txn_answer out;
  if (header == nullptr || !read_int(*header, "revision", out.revision) || out.revision <= 0) {
    return std::nullopt;
  }
  if (const auto* const succeeded = all->if_contains("succeeded")) {
    if (!succeeded->is_bool()) return std::nullopt;
    out.succeeded = succeeded->get_bool();
  }
  const auto* const responses = all->if_contains("responses");
  if (responses == nullptr || !responses->is_array()) return std::nullopt;
  for (const auto& each : responses->get_array()) {
    const auto* const one = each.if_object();
    if (one == nullptr) return std::nullopt;
    const auto* const range = one->if_contains("response_range");
    if (range == nullptr) continue;
    if (!range->is_object() || !read_found(range->get_object(), out.found)) return std::nullopt;
  }
  return out;
}

std::optional<lease_answer> parse_grant(std::string_view text) {
  return read_lease(parse_object(text));
}

std::optional<lease_answer> parse_kept(std::string_view text) {
  return read_lease(parse_result(text));
}

std::optional<watch_answer> parse_watch(std::string_view text) {
  const auto all = parse_result(text);
  watch_answer out;
  if (!all) return std::nullopt;
  out.over = all->contains("canceled");
  if (const auto* const events = all->if_contains("events")) {
    if (!events->is_array()) return std::nullopt;
    out.events = events->get_array().size();
  }
  return out;
}

std::string parse_error(std::string_view text) {
  boost::system::error_code error;
  const json::value all = json::parse(text, error);
  if (error || !all.is_object()) return {};
  const auto* found = all.get_object().if_contains("error");
  if (found != nullptr && found->is_object()) found = found->get_object().if_contains("message");
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

}  // namespace understudy::coord::etcd
