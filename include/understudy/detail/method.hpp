// From a C++ function to a method that is called with JSON. See understudy/service.hpp.
#pragma once

#include <boost/container/static_vector.hpp>
#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "understudy/context.hpp"
#include "understudy/file.hpp"
#include "understudy/json.hpp"
#include "understudy/task.hpp"

namespace understudy {

/// A parameter's name, and its default value if callers may leave it out.
struct param {
  param(const char* called) : name(called) {}             // NOLINT: {"a", "b"} is the point
  param(std::string called) : name(std::move(called)) {}  // NOLINT
  template <typename T>
  param(std::string called, const T& default_value)
      : name(std::move(called)), default_text(to_json_text(default_value)) {}

  std::string name;
  std::optional<std::string> default_text;  ///< JSON
};

namespace detail {

inline constexpr std::size_t params_max = 16;

/// What was given for one parameter: JSON text, or a file.
struct argument {
  std::string_view text;
  file* upload = nullptr;
};

struct method_definition;

/// One call on its way through a method.
struct invocation {
  const method_definition* method = nullptr;
  /// One for each parameter.
  boost::container::static_vector<argument, params_max> arguments{};
  bool named = false;              ///< the caller named them
  std::string* result = nullptr;   ///< the method appends its result, JSON text, here
  std::optional<file> download{};  ///< or puts it here
};

struct php_type {
  std::string_view name;  ///< "" = undeclared
  bool nullable = false;
};

struct method_param {
  std::string name;
  php_type type;
  std::optional<std::string> default_text;
};

struct method_definition {
  std::string name;
  std::string comment;
  std::vector<method_param> params;
  php_type returns;
  bool idempotent = false;
  bool nonblocking = false;
  bool takes_context = false;
  /// Exactly one of the two is set. They throw what the function throws, and rpc_error for
  /// arguments that do not fit. The object, context and invocation outlive the call.
  std::function<void(void*, const context&, invocation&)> run;
  std::function<task<void>(void*, const context&, invocation&)> start;
};

// The signature of whatever can be called.

template <typename R, typename... A>
struct signature {
  using result = R;
  using arguments = std::tuple<A...>;
};

template <typename F>
struct signature_of : signature_of<decltype(&F::operator())> {};
template <typename R, typename... A>
struct signature_of<R (*)(A...)> : signature<R, A...> {};
template <typename R, typename... A>
struct signature_of<R (*)(A...) noexcept> : signature<R, A...> {};
template <typename C, typename R, typename... A>
struct signature_of<R (C::*)(A...)> : signature<R, A...> {};
template <typename C, typename R, typename... A>
struct signature_of<R (C::*)(A...) const> : signature<R, A...> {};
template <typename C, typename R, typename... A>
struct signature_of<R (C::*)(A...) noexcept> : signature<R, A...> {};
template <typename C, typename R, typename... A>
struct signature_of<R (C::*)(A...) const noexcept> : signature<R, A...> {};

/// Splits a leading context off the parameters; the rest decay to what is kept for the call.
template <typename Tuple>
struct parameters_of;
template <typename... A>
struct parameters_of<std::tuple<A...>> {
  static constexpr bool takes_context = false;
  using kept = std::tuple<std::conditional_t<std::same_as<std::decay_t<A>, std::string_view>,
                                             std::string, std::decay_t<A>>...>;
};
template <typename... A>
struct parameters_of<std::tuple<const context&, A...>> : parameters_of<std::tuple<A...>> {
  static constexpr bool takes_context = true;
};

template <typename T>
inline constexpr bool is_task = false;
template <typename T>
inline constexpr bool is_task<task<T>> = true;

template <typename T>
struct awaited_type {
  using type = T;
};
template <typename T>
struct awaited_type<task<T>> {
  using type = T;
};

// Files are no JSON: they travel beside the text.

template <typename T>
inline constexpr bool is_file = std::same_as<T, file> || std::same_as<T, std::optional<file>>;

template <typename T>
constexpr php_type type_of() {
  if constexpr (std::is_void_v<T>)
    return {"void", false};
  else if constexpr (is_file<T>)
    return {"think\\File", std::same_as<T, std::optional<file>>};
  else
    return {converter<T>::php_type, converter<T>::nullable};
}

/// rpc_error -32602 that names the parameter.
[[noreturn]] void refuse_argument(const invocation& call, std::size_t index, json_problem problem);

template <typename T>
T read_argument(invocation& call, std::size_t index) {
  auto& given = call.arguments[index];
  if constexpr (is_file<T>) {
    if (given.upload != nullptr) return T(std::move(*given.upload));
    if (std::same_as<T, file> || given.text != "null")
      refuse_argument(call, index, {{}, "a file is needed"});
    return T();
  } else {
    T value{};
    json_problem problem;
    if (given.upload != nullptr) refuse_argument(call, index, {{}, "it is no file"});
    if (!read_text(given.text, value, problem)) refuse_argument(call, index, std::move(problem));
    return value;
  }
}

template <typename Kept>
Kept read_arguments(invocation& call) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return Kept{read_argument<std::tuple_element_t<I, Kept>>(call, I)...};
  }
  (std::make_index_sequence<std::tuple_size_v<Kept>>());
}

template <typename R>
void write_result(invocation& call, R&& result) {
  using type = std::remove_cvref_t<R>;
  if constexpr (std::same_as<type, file>) {
    call.download = std::forward<R>(result);
  } else if constexpr (std::same_as<type, std::optional<file>>) {
    call.download = std::forward<R>(result);
    if (!call.download) *call.result += "null";
  } else {
    converter<type>::write(*call.result, result);
  }
}

template <bool TakesContext, typename T, typename F, typename Kept>
decltype(auto) apply_function(const F& function, [[maybe_unused]] T& object,
                              [[maybe_unused]] const context& about, Kept& kept) {
  return std::apply(
      [&](auto&... arguments) -> decltype(auto) {
        if constexpr (std::is_member_function_pointer_v<F> && TakesContext)
          return std::invoke(function, object, about, std::move(arguments)...);
        else if constexpr (std::is_member_function_pointer_v<F>)
          return std::invoke(function, object, std::move(arguments)...);
        else if constexpr (TakesContext)
          return std::invoke(function, about, std::move(arguments)...);
        else
          return std::invoke(function, std::move(arguments)...);
      },
      kept);
}

/// Plain functions.
template <typename T, typename F>
void run_function(const F& function, T& object, const context& about, invocation& call) {
  using called = signature_of<F>;
  using parameters = parameters_of<typename called::arguments>;
  auto kept = read_arguments<typename parameters::kept>(call);
  if constexpr (std::is_void_v<typename called::result>) {
    apply_function<parameters::takes_context>(function, object, about, kept);
    *call.result += "null";
  } else {
    write_result(call, apply_function<parameters::takes_context>(function, object, about, kept));
  }
}

/// Coroutines. The arguments live until it has ended, so it may take references.
template <typename T, typename F>
task<void> start_function(const F& function, T& object, const context& about, invocation& call) {
  using called = signature_of<F>;
  using parameters = parameters_of<typename called::arguments>;
  auto kept = read_arguments<typename parameters::kept>(call);
  auto running = apply_function<parameters::takes_context>(function, object, about, kept);
  if constexpr (std::is_void_v<typename awaited_type<typename called::result>::type>) {
    co_await std::move(running);
    *call.result += "null";
  } else {
    auto result = co_await std::move(running);
    write_result(call, std::move(result));
  }
}

/// std::invalid_argument unless the names fit the parameters.
void check_names(const std::string& method, std::size_t parameters,
                 const std::vector<param>& names);
[[noreturn]] void refuse_default(const std::string& method, const std::string& name,
                                 const json_problem& problem);

template <typename A>
method_param define_param(const std::string& method, param named) {
  if constexpr (!is_file<A>) {
    A value{};
    json_problem problem;
    if (named.default_text && !read_text(*named.default_text, value, problem))
      refuse_default(method, named.name, problem);
  }
  return {std::move(named.name), type_of<A>(), std::move(named.default_text)};
}

template <typename T, typename F>
method_definition define_method(std::string name, F function, std::vector<param> names) {
  using called = signature_of<F>;
  using kept = typename parameters_of<typename called::arguments>::kept;
  constexpr std::size_t count = std::tuple_size_v<kept>;
  static_assert(count <= params_max, "a method has too many parameters: pass a struct");
  check_names(name, count, names);

  method_definition method;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (method.params.push_back(
         define_param<std::tuple_element_t<I, kept>>(name, std::move(names[I]))),
     ...);
  }
  (std::make_index_sequence<count>());
  method.name = std::move(name);
  method.takes_context = parameters_of<typename called::arguments>::takes_context;
  method.returns = type_of<typename awaited_type<typename called::result>::type>();
  if constexpr (is_task<typename called::result>) {
    method.start = [function = std::move(function)](void* object, const context& about,
                                                    invocation& call) {
      return start_function(function, *static_cast<T*>(object), about, call);
    };
  } else {
    method.run = [function = std::move(function)](void* object, const context& about,
                                                  invocation& call) {
      run_function(function, *static_cast<T*>(object), about, call);
    };
  }
  return method;
}

}  // namespace detail
}  // namespace understudy
