#include <charconv>
#include <stdexcept>

#include "understudy/once_mariadb.hpp"

namespace understudy {
namespace {

[[noreturn]] void refuse(std::string_view url) {
  throw std::invalid_argument("Not mysql://USER@HOST:PORT/DATABASE: " + std::string(url));
}

std::uint16_t port_in(std::string_view text, std::string_view url) {
  std::uint16_t port = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size() || port == 0) refuse(url);
  return port;
}

}  // namespace

mariadb_options mariadb_options::from_url(std::string_view url) {
  constexpr std::string_view scheme = "mysql://";
  if (!url.starts_with(scheme)) refuse(url);
  const std::string_view rest = url.substr(scheme.size());
  const auto slash = rest.find('/');
  const auto at = rest.substr(0, slash).find('@');
  if (slash == std::string_view::npos || at == std::string_view::npos) refuse(url);
  mariadb_options out;
  out.user = rest.substr(0, at);
  out.database = rest.substr(slash + 1);
  std::string_view place = rest.substr(at + 1, slash - at - 1);
  // Behind the bracket of an IPv6 address, which has colons of its own.
  const auto colon = place.find(':', place.starts_with('[') ? place.find(']') : 0);
  if (colon != std::string_view::npos) {
    out.port = port_in(place.substr(colon + 1), url);
    place = place.substr(0, colon);
  }
  if (place.starts_with('[') && place.ends_with(']')) place = place.substr(1, place.size() - 2);
  out.host = place;
  const bool whole = !out.user.empty() && out.user.find(':') == std::string::npos &&
                     !out.host.empty() && !out.database.empty() &&
                     out.database.find_first_of("/?") == std::string::npos;
  if (!whole) refuse(url);
  return out;
}

}  // namespace understudy
