#include "net/server_registry.hpp"
#include "wire/json_text.hpp"

namespace understudy::net {
namespace {

void append_type(std::string& out, const detail::php_type& type) {
  if (type.name.empty())
    out += "null";
  else
    wire::append_string(out, type.name);
}

void append_param(std::string& out, const detail::method_param& param) {
  out += R"({"name":)";
  wire::append_string(out, param.name);
  out += R"(,"type":)";
  append_type(out, param.type);
  if (param.default_text) out.append(R"(,"default":)").append(*param.default_text);
  if (param.type.nullable) out += R"(,"nullable":true)";
  out += '}';
}

void append_comment(std::string& out, const detail::method_definition& method) {
  auto text = method.comment;
  if (method.idempotent) text += text.empty() ? "@idempotent" : "\n@idempotent";
  if (text.empty())
    out += "false";
  else
    wire::append_string(out, text);
}

void append_method(std::string& out, const detail::method_definition& method) {
  wire::append_string(out, method.name);
  out += R"(:{"parameters":[)";
  for (bool first = true; const auto& param : method.params) {
    if (!std::exchange(first, false)) out += ',';
    append_param(out, param);
  }
  out += R"(],"returnType":)";
  append_type(out, method.returns);
  out += R"(,"comment":)";
  append_comment(out, method);
  out += '}';
}

}  // namespace

std::string describe_services(const std::vector<service_definition>& services) {
  std::string out = "{";
  for (bool first_service = true; const auto& service : services) {
    if (!std::exchange(first_service, false)) out += ',';
    wire::append_string(out, service.name());
    out += ":{";
    for (bool first = true; const auto& method : service.methods()) {
      if (!std::exchange(first, false)) out += ',';
      append_method(out, method);
    }
    out += '}';
  }
  return out + "}";
}

}  // namespace understudy::net
