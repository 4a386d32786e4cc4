#include "app/calls/webhook.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>

#include "net/address.hpp"
#include "net/http.hpp"
#include "net/http_head.hpp"

namespace understudy::app {

namespace asio = boost::asio;

namespace {

webhook_outcome deliver(const std::string& url, const std::string& body,
                        const std::string& signature) {
  const auto to = net::split_server_address(url);
  if (!to) return {false, "It is no address: " + url};
  net::http_request request;
  request.method = "POST";
  auto target = net::parse_http_target(to->http_target);
  if (!target) return {false, "It is no address: " + url};
  request.path = std::move(target->path);
  request.query = std::move(target->query);
  request.body = body;
  request.headers.push_back({"Content-Type", "application/json"});
  if (!signature.empty()) request.headers.push_back({"Understudy-Signature", signature});
  try {
    const bool v6 = to->at.host.find(':') != std::string::npos;
    const std::string host = (v6 ? "[" + to->at.host + "]" : to->at.host) + ":" + to->at.port;
    const auto response = net::http_fetch(host, request, webhook_sender::patience);
    if (response.status >= 200 && response.status < 300) return {true, {}};
    return {false, fmt::format("It answered with status {}.", response.status)};
  } catch (const std::runtime_error& error) {
    return {false, error.what()};
  }
}

asio::awaitable<webhook_outcome> deliver_apart(std::string url, std::string body,
                                               std::string signature) {
  co_return deliver(url, body, signature);
}

}  // namespace

std::string webhook_signature(std::string_view secret, std::string_view body) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned bytes = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest.data(), &bytes);
  std::string text = "sha256=";
  for (unsigned i = 0; i < bytes; ++i) text += fmt::format("{:02x}", digest.at(i));
  return text;
}

asio::awaitable<webhook_outcome> webhook_sender::post(std::string url, std::string body) {
  std::string signature = secret_.empty() ? "" : webhook_signature(secret_, body);
  auto work = deliver_apart(std::move(url), std::move(body), std::move(signature));
  co_return co_await asio::co_spawn(threads_, std::move(work), asio::use_awaitable);
}

}  // namespace understudy::app
