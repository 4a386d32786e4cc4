// Registration: what cannot work is refused with a sentence before the server starts.
#include <algorithm>
#include <stdexcept>

#include "net/server_registry.hpp"
#include "understudy/service.hpp"

namespace understudy {

service_definition::service_definition(std::string name,
                                       std::function<std::shared_ptr<void>()> factory)
    : name_(std::move(name)), factory_(std::move(factory)) {
  if (name_.empty() || name_.find('@') != std::string::npos)
    throw std::invalid_argument("A service needs a name without \"@\", not \"" + name_ + "\"");
}

void service_definition::add_method(detail::method_definition method) {
  const auto same = [&](const auto& other) { return net::same_method(other.name, method.name); };
  if (std::ranges::any_of(methods_, same))
    throw std::invalid_argument(name_ + " has a method " + method.name +
                                " already (upper and lower case do not tell methods apart)");
  methods_.push_back(std::move(method));
}

detail::method_definition& service_definition::last_method() {
  if (methods_.empty()) throw std::invalid_argument(name_ + " has no method yet to speak of");
  return methods_.back();
}

namespace detail {

void check_names(const std::string& method, std::size_t parameters,
                 const std::vector<param>& names) {
  if (method.empty() || method.find('@') != std::string::npos)
    throw std::invalid_argument("A method needs a name without \"@\", not \"" + method + "\"");
  if (names.size() != parameters)
    throw std::invalid_argument("Method " + method + " has " + std::to_string(parameters) +
                                " parameters, but " + std::to_string(names.size()) + " were named");
  for (std::size_t i = 0; i < names.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (names[i].name == names[j].name)
        throw std::invalid_argument("Method " + method + " has two parameters named " +
                                    names[i].name);
}

void refuse_default(const std::string& method, const std::string& name,
                    const json_problem& problem) {
  throw std::invalid_argument("Method " + method + ": the default of " + name +
                              " is not of its type: " + problem.text());
}

void refuse_argument(const invocation& call, std::size_t index, json_problem problem) {
  const auto& name = call.method->params[index].name;
  if (call.named)
    problem.in(name);
  else
    problem.in(index);
  problem.in("params");
  throw rpc_error(code::invalid_params, "Parameter " + name + ": " + problem.text());
}

}  // namespace detail
}  // namespace understudy
