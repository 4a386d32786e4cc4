#include "support/user_service.hpp"

#include <boost/uuid/detail/md5.hpp>
#include <chrono>
#include <fstream>

namespace understudy::test {
namespace {

constexpr std::string_view hello_comment =
    "/**\n     * Says hello.\n     * @param string $name\n     * @return string\n     */";

std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += digits[static_cast<unsigned char>(byte) >> 4];
    text += digits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

std::string md5(std::string_view bytes) {
  boost::uuids::detail::md5 hash;
  hash.process_bytes(bytes.data(), bytes.size());
  boost::uuids::detail::md5::digest_type digest;
  hash.get_digest(digest);
  std::string raw;
  for (const unsigned word : digest)
    for (int shift = 24; shift >= 0; shift -= 8) raw += static_cast<char>(word >> shift & 0xFF);
  return hex(raw);
}

}  // namespace

service<user> user::make_service(const std::shared_ptr<const user_setup>& setup) {
  service<user> users("UserInterface", [setup] { return std::make_shared<user>(setup); });
  users.method("hello", &user::hello, {"name"}).comment(std::string(hello_comment)).nonblocking();
  users.method("add", &user::add, {"a", "b"}).nonblocking();
  users.method("echo", &user::echo, {"data"}).nonblocking();
  users.method("fail", &user::fail).nonblocking();
  users.method("slow", &user::slow, {"ms"});
  users.method("upload", &user::upload, {"f"}).nonblocking();
  users.method("upload2", &user::upload2, {"label", "a", "b"});
  users.method("download", &user::download, {"n"}).nonblocking();
  users.method("greet", &user::greet, {"name", {"title", nullptr}, {"times", 1}}).nonblocking();
  users.method("whoami", &user::whoami).nonblocking();
  users.method("nothing", &user::nothing).nonblocking();
  users.method("context", &user::context_of).nonblocking();
  users.method("counter", &user::counter);
  users.method("mixed", &user::mixed, {"v"}).nonblocking();
  users.method("half", &user::half, {"x"}).nonblocking();
  users.method("binary", &user::binary, {"n"}).nonblocking();
  users.method("ping", &user::ping).nonblocking();
  users.method("text", &user::text, {"s"}).nonblocking();
  users.method("stamp", &user::stamp, {"key"});
  users.method("failWith", &user::fail_with, {"msg", "code"}).nonblocking();
  return users;
}

std::string user::hello(const std::string& name) const {
  return "hello, " + name;
}

std::int64_t user::add(std::int64_t a, std::int64_t b) const {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) throw std::overflow_error("the sum is too large");
  return sum;
}

php_array user::echo(php_array data) const {
  return data;
}

void user::fail() const {
  throw rpc_error(42, "failed on purpose");
}

task<std::string> user::slow(std::int64_t ms) const {
  co_await sleep_for(std::chrono::milliseconds(ms));
  co_return "slept " + std::to_string(ms);
}

std::int64_t user::upload(const file& f) const {
  return static_cast<std::int64_t>(f.size());
}

php_array user::upload2(const std::string& label, const file& a, const file& b) const {
  boost::json::object result;
  result["label"] = label;
  result["a"] = md5(a.bytes());
  result["b"] = md5(b.bytes());
  result["size_a"] = a.size();
  result["size_b"] = b.size();
  return {std::move(result)};
}

file user::download(std::uint32_t n) const {
  std::string bytes(n, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i & 0xFF);
  return file(std::move(bytes));
}

std::optional<std::string> user::greet(const std::string& name,
                                       const std::optional<std::string>& title,
                                       std::uint32_t times) const {
  if (name.empty()) return std::nullopt;
  std::string text;
  for (std::uint32_t i = 0; i < times; ++i)
    text.append(i == 0 ? "" : " ").append(title.value_or("nobody-in-particular") + " " + name);
  return text;
}

std::string user::binary(std::uint32_t n) const {
  return std::string(n, '\xFF');
}

task<std::int64_t> user::stamp(std::string key) const {
  const auto runs = setup_->runs_in / ("stamp-" + hex(key));
  std::ofstream(runs, std::ios::app).put('.').flush();
  co_await sleep_for(std::chrono::seconds(3));
  co_return static_cast<std::int64_t>(std::filesystem::file_size(runs));
}

void user::fail_with(const std::string& msg, std::int64_t error_code) const {
  throw rpc_error(error_code, msg);
}

}  // namespace understudy::test
