// Describes a service to a server: an interface name, objects that do the work, their methods.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "understudy/context.hpp"
#include "understudy/detail/method.hpp"
#include "understudy/file.hpp"
#include "understudy/json.hpp"
#include "understudy/task.hpp"

namespace understudy {

/// A service without its C++ type. Made by service<T>.
class service_definition {
 public:
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::vector<detail::method_definition>& methods() const noexcept {
    return methods_;
  }
  /// The object for a new connection; the shared one where there is one.
  [[nodiscard]] std::shared_ptr<void> make_object() const { return factory_(); }

 protected:
  service_definition(std::string name, std::function<std::shared_ptr<void>()> factory);
  /// std::invalid_argument, with a sentence, for what cannot be registered.
  void add_method(detail::method_definition method);
  detail::method_definition& last_method();

 private:
  std::string name_;
  std::function<std::shared_ptr<void>()> factory_;
  std::vector<detail::method_definition> methods_;
};

/// Builds a service whose methods are members of T, or any callables.
///
///   service<user> s("UserInterface");
///   s.method("hello", &user::hello, {"name"}).comment("Says hello.").idempotent();
///   s.method("greet", &user::greet, {"name", {"title", nullptr}, {"times", 1}});
///
/// A method's parameters may begin with `const context&`, which is not among the names. It runs
/// - on a worker thread by default: it may block;
/// - as a coroutine on its connection's thread if it returns task<R>: it must not block;
/// - on its connection's thread if nonblocking(): fastest, for what never waits.
/// The calls of one connection run one at a time, in order. What a method throws is the error
/// answer: rpc_error with its code and data, other std::exceptions with code 0 and what().
template <typename T>
class service : public service_definition {
 public:
  /// One T for each connection, as in think-swoole: made at the connection's first call, destroyed
  /// when the connection and its calls have ended.
  explicit service(std::string name) requires std::default_initializable<T>
      : service(std::move(name), [] { return std::make_shared<T>(); }) {}
  service(std::string name, std::function<std::shared_ptr<T>()> per_connection)
      : service_definition(std::move(name), std::move(per_connection)) {}
  /// One T for all: its methods run at the same time on many threads.
  service(std::string name, std::shared_ptr<T> shared)
      : service(std::move(name), [shared = std::move(shared)] { return shared; }) {}

  /// `names` has one entry for each parameter. PHP does not tell a method's upper case from its
  /// lower. std::invalid_argument, with a sentence, for names that do not fit, a name that is
  /// taken, or a default that is not of its parameter's type.
  template <typename F>
  service& method(std::string name, F function, std::vector<param> names = {}) {
    add_method(detail::define_method<T>(std::move(name), std::move(function), std::move(names)));
    return *this;
  }

  // These speak of the method added last.

  /// Its doc text, for `@action_interface`.
  service& comment(std::string text) {
    last_method().comment = std::move(text);
    return *this;
  }
  /// May run again, also late: callers' gateways may then repeat it when its outcome is unknown.
  service& idempotent() {
    last_method().idempotent = true;
    return *this;
  }
  /// Never waits for anything: it runs on its connection's thread.
  service& nonblocking() {
    last_method().nonblocking = true;
    return *this;
  }
};

}  // namespace understudy
