#include "app/drill_site.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <thread>

#include "app/cli_admin.hpp"
#include "net/http.hpp"

namespace understudy::app {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds start_timeout{5000};
constexpr milliseconds wait_timeout{20000};
constexpr milliseconds poll_interval{10};

volatile std::sig_atomic_t interrupt_flag = 0;
struct sigaction old_int;
struct sigaction old_term;

extern "C" void raise_interrupt_flag(int) {
  interrupt_flag = 1;
}

std::string name_of_server(unsigned which) {
  return which == drill_site::primary ? "primary" : "backup";
}

}  // namespace

interrupt_guard::interrupt_guard() {
  interrupt_flag = 0;
  struct sigaction action {};
  action.sa_handler = raise_interrupt_flag;
  ::sigaction(SIGINT, &action, &old_int);
  ::sigaction(SIGTERM, &action, &old_term);
}

interrupt_guard::~interrupt_guard() {
  ::sigaction(SIGINT, &old_int, nullptr);
  ::sigaction(SIGTERM, &old_term, nullptr);
}

bool interrupt_guard::interrupted() {
  return interrupt_flag != 0;
}

drill_folder::drill_folder(bool keep) : keep_(keep) {
  path_ = (std::filesystem::temp_directory_path() / "understudy-drill-XXXXXX").string();
  if (::mkdtemp(path_.data()) == nullptr) {
    throw std::runtime_error("Cannot make the folder " + path_ + ": " +
                             std::generic_category().message(errno) + ".");
  }
}

drill_folder::~drill_folder() {
  std::error_code ignored;  // a folder that stays behind is no reason to fail
  if (!keep_) std::filesystem::remove_all(path_, ignored);
}

reserved_address::reserved_address() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof address;
  const int yes = 1;
  // Alone while it is bound: no other socket has the port. Shared afterwards: a server's listening
  // socket, which asks for SO_REUSEADDR too, may have it, and everything else still may not.
  if (::bind(socket_.get(), generic, length) != 0 ||
      ::getsockname(socket_.get(), generic, &length) != 0 ||
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0) {
    throw std::runtime_error(
        "No port of 127.0.0.1 could be reserved: " + std::generic_category().message(errno) + ".");
  }
  text_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

drill_site::drill_site(const drill_folder& folder, const std::string& orders_program)
    : folder_(folder), orders_program_(orders_program) {
  for (const unsigned which : {primary, backup}) {
    start_server(which);
  }
  start_gateway();
  for (const unsigned which : {primary, backup}) wait_for_state(which, "up");
}

void drill_site::start_server(unsigned which) {
  servers_[which].reset();  // what is left of the last one is waited for
  const std::string name = name_of_server(which);
  servers_[which].emplace(std::vector<std::string>{orders_program_, "--listen", address_of(which),
                                                   "--database", database(), "--name", name},
                          folder_.file(name + ".log"));
  (void)servers_[which]->wait_for_line("listening ", start_timeout);
}

void drill_site::start_gateway() {
  gateway_.emplace(
      std::vector<std::string>{own_program(), "gateway", "--listen", "127.0.0.1:0", "--http",
                               "127.0.0.1:0", "--server", address_of(primary), "--backup",
                               address_of(backup), "--idempotent", "OrderInterface@get*",
                               "--idempotent", "OrderInterface@list", "--idempotent",
                               "OrderInterface@total"},
      folder_.file("gateway.log"));
  frames_address_ = gateway_->wait_for_line("listening ", start_timeout);
  http_address_ = gateway_->wait_for_line("http ", start_timeout);
}

void drill_site::kill_server(unsigned which) {
  servers_[which]->signal(SIGKILL);
}

void drill_site::stop_server(unsigned which) {
  servers_[which]->signal(SIGTERM);
  std::optional<int> status;
  wait_until([&] { return (status = servers_[which]->wait(milliseconds{0})).has_value(); },
             "the " + name_of_server(which) + " to end after SIGTERM");
  if (!WIFEXITED(*status) || WEXITSTATUS(*status) != 0) {
    throw std::runtime_error("The " + name_of_server(which) + " did not end well after SIGTERM.");
  }
}

void drill_site::administer(unsigned which, const std::string& action) {
  (void)fetch("POST", "/servers/" + look(which).pool + "/" + address_of(which) + "/" + action);
}

seen_server drill_site::look(unsigned which) const {
  const auto status = boost::json::parse(fetch("GET", "/status.json"));
  for (const auto& pool : status.at("pools").as_array()) {
    for (const auto& server : pool.at("servers").as_array()) {
      if (text_of(server, "address") != address_of(which)) continue;
      return {text_of(pool, "name"), text_of(server, "state"),
              static_cast<std::int64_t>(number_of(server, "in_flight"))};
    }
  }
  throw std::runtime_error("The gateway does not know the " + name_of_server(which) + ".");
}

void drill_site::wait_for_state(unsigned which, const std::string& state) {
  wait_until([&] { return look(which).state == state; },
             "the " + name_of_server(which) + " to be " + state);
}

void drill_site::wait_until_at_rest(unsigned which) {
  wait_until([&] { return look(which).in_flight == 0; },
             "the " + name_of_server(which) + " to end its calls");
}

std::optional<std::int64_t> drill_site::failure_seen_ms(unsigned which,
                                                        std::int64_t since_ms) const {
  const auto answer = boost::json::parse(fetch("GET", "/events"));
  std::optional<std::int64_t> first;
  for (const auto& event : answer.as_array()) {
    const std::string kind = text_of(event, "kind");
    const auto time_ms = static_cast<std::int64_t>(number_of(event, "time_ms"));
    if (kind != "server_suspect" && kind != "server_down") continue;
    if (text_of(event, "subject").find(address_of(which)) == std::string::npos) continue;
    if (time_ms >= since_ms && time_ms < first.value_or(INT64_MAX)) first = time_ms;
  }
  return first;
}

std::string drill_site::fetch(const std::string& method, const std::string& path) const {
  net::http_request request;
  request.method = method;
  request.path = path;
  request.headers = {{"Accept", "application/json"}};
  const auto response = net::http_fetch(http_address_, request);
  if (response.status != 200) {
    throw std::runtime_error(method + " " + path + " at the gateway: status " +
                             std::to_string(response.status) + ", " + response.body);
  }
  return response.body;
}

void drill_site::pause(milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (true) {
    if (interrupt_guard::interrupted()) throw drill_interrupted();
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= left.zero()) return;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, poll_interval));
  }
}

void drill_site::wait_until(const std::function<bool()>& condition, const std::string& what) {
  const auto end = std::chrono::steady_clock::now() + wait_timeout;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) {
      throw std::runtime_error("Waited " + std::to_string(wait_timeout.count() / 1000) +
                               " s in vain for " + what + ".");
    }
    pause(poll_interval);
  }
}

std::string own_program() {
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

}  // namespace understudy::app
