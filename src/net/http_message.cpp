// What requests and responses are apart from sockets.
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

#include "net/http_connection.hpp"

namespace understudy::net {
namespace {

using pairs = std::vector<std::pair<std::string, std::string>>;

std::string_view find_header(const pairs& headers, std::string_view name) {
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
  for (const char c : value) out += c == '\r' || c == '\n' ? ' ' : c;
  out += "\r\n";
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

std::string format_http_head(const http_response& response, bool keep_alive) {
  const bool no_body = response.status == 204;
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + ' ';
  out += reason(response.status);
  out += "\r\n";
  if (response.events) {
    append_header(out, "Content-Type", "text/event-stream");
  } else if (!no_body) {
    append_header(out, "Content-Type", response.content_type);
    append_header(out, "Content-Length", std::to_string(response.body.size()));
  }
  append_header(out, "Cache-Control", "no-store");  // every answer here is of this moment
  append_header(out, "X-Content-Type-Options", "nosniff");
  append_header(out, "Connection", keep_alive ? "keep-alive" : "close");
  for (const auto& [name, value] : response.headers) append_header(out, name, value);
  out += "\r\n";
  return out;
}

}  // namespace understudy::net
