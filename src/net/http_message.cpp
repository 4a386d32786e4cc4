// What requests and responses are apart from sockets.
#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <charconv>

#include "net/http_connection.hpp"

namespace understudy::net {
namespace {

constexpr std::string_view json_type = "application/json";

std::string_view find_header(const auto& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (http_same_name(key, name)) return value;
  }
  return {};
}

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";  // the phrase is for people; any will do
  }
}

// Values can hold what a caller sent (a name in a redirect, say): a line break must not get out.
void append_header(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  const auto begin = static_cast<std::ptrdiff_t>(out.size());
  out += value;
  std::replace(out.begin() + begin, out.end(), '\r', ' ');
  std::replace(out.begin() + begin, out.end(), '\n', ' ');
  out += "\r\n";
}

void append_number(std::string& out, std::size_t number) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

}  // namespace

std::string_view http_request::header(std::string_view name) const {
  return find_header(headers, name);
}

std::string_view http_request::parameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return {};
}

std::string_view http_response::header(std::string_view name) const {
  return find_header(headers, name);
}

http_response http_error(int status, std::string_view sentence) {
  http_response response;
  response.status = status;
  response.body = "{\"error\":" +
                  boost::json::serialize(boost::json::string(sentence.data(), sentence.size())) +
                  "}\n";
  return response;
}

void append_http_head(std::string& out, const http_response& response, bool keep_alive) {
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::size_t>(response.status));
  out += ' ';
  out += reason(response.status);
  if (response.events) {
    out += "\r\nContent-Type: text/event-stream\r\n";
  } else if (response.status == 204) {
    out += "\r\n";
  } else {
    out += "\r\n";
    append_header(out, "Content-Type",
                  response.content_type.empty() ? json_type : response.content_type);
    out += "Content-Length: ";
    append_number(out, response.body.size());
    out += "\r\n";
  }
  out +=
      "Cache-Control: no-store\r\n"  // every answer here is of this moment
      "X-Content-Type-Options: nosniff\r\n";
  out += keep_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n";
  for (const auto& [name, value] : response.headers) append_header(out, name, value);
  out += "\r\n";
}

}  // namespace understudy::net
