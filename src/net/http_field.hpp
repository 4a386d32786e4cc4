// One header of a request or a response.
#pragma once

#include <string_view>

namespace understudy::net {

struct http_field {
  std::string_view name;
  std::string_view value;  ///< without the white space around it
};

}  // namespace understudy::net
