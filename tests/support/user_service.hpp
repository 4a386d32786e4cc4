// UserInterface, the service that the recordings were taken with (tests/wire/recordings/README.md).
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "understudy/service.hpp"

namespace understudy::test {

struct user_setup {
  std::string whoami;             ///< set before the first call
  std::filesystem::path runs_in;  ///< folder where stamp() counts
};

/// One object per connection.
class user {
 public:
  explicit user(std::shared_ptr<const user_setup> setup) : setup_(std::move(setup)) {}

  static service<user> make_service(const std::shared_ptr<const user_setup>& setup);

 private:
  [[nodiscard]] std::string hello(const std::string& name) const;
  [[nodiscard]] std::int64_t add(std::int64_t a, std::int64_t b) const;
  [[nodiscard]] php_array echo(php_array data) const;
  void fail() const;
  task<std::string> slow(std::int64_t ms) const;
  [[nodiscard]] std::int64_t upload(const file& f) const;
  [[nodiscard]] php_array upload2(const std::string& label, const file& a, const file& b) const;
  [[nodiscard]] file download(std::uint32_t n) const;
  [[nodiscard]] std::optional<std::string> greet(const std::string& name,
                                                 const std::optional<std::string>& title,
                                                 std::uint32_t times) const;
  [[nodiscard]] std::string whoami() const { return setup_->whoami; }
  [[nodiscard]] std::optional<std::string> nothing() const { return std::nullopt; }
  [[nodiscard]] php_array context_of(const context& about) const { return {about.value()}; }
  [[nodiscard]] std::int64_t counter() { return ++calls_; }
  [[nodiscard]] json mixed(json v) const { return v; }
  [[nodiscard]] double half(double x) const { return x / 2; }
  [[nodiscard]] std::string binary(std::uint32_t n) const;
  void ping() const {}
  [[nodiscard]] file text(std::string s) const { return file(std::move(s)); }
  task<std::int64_t> stamp(std::string key) const;
  void fail_with(const std::string& msg, std::int64_t error_code) const;

  std::shared_ptr<const user_setup> setup_;
  std::int64_t calls_ = 0;
};

}  // namespace understudy::test
