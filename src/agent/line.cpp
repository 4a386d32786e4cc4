#include "agent/line.hpp"

#include <algorithm>
#include <utility>

#include "net/carrier.hpp"
#include "net/resolver.hpp"
#include "understudy/error.hpp"
#include "wire/json_text.hpp"
#include "wire/request.hpp"

namespace understudy::agent {

namespace asio = boost::asio;

namespace {

constexpr std::size_t resting_max = 4;
constexpr wire::frame_limits limits{std::size_t{1} << 20, 0};
/// A connection is given up after; with a deadline that is later, another one is tried.
constexpr std::chrono::seconds connect_max{2};

core::time_point now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

line::line(asio::any_io_executor executor, line_options options)
    : executor_(std::move(executor)), options_(std::move(options)) {
  way_.by = options_.tls;
  const auto at = net::split_address(options_.address);
  if (at) way_.host = at->host;
  way_.failed = [this](const std::string& why) { tls_failure_ = why; };
}

void line::close() {
  closed_ = true;
  for (const auto& each : std::exchange(resting_, {})) each->close();
  for (const auto& each : busy_) {
    if (const auto alive = each.lock()) alive->close();
  }
}

asio::awaitable<std::shared_ptr<net::upstream>> line::connect(core::time_point deadline,
                                                              std::string& why) {
  const auto self = shared_from_this();
  const auto at = net::split_address(options_.address);
  if (!at) {
    why = "\"" + options_.address + "\" is no HOST:PORT of an agent";
    co_return nullptr;
  }
  const auto until = std::min(deadline, now() + connect_max);
  std::vector<asio::ip::tcp::endpoint> all;
  if (const auto numeric = net::numeric_endpoint(*at)) {
    all.push_back(*numeric);
  } else {
    auto looked_up = co_await net::resolve(executor_, *at, until);
    all = std::move(looked_up.endpoints);
    if (looked_up.error) why = at->host + " is not found: " + looked_up.error.message();
  }
  for (const auto& endpoint : all) {
    auto idle_sink = [weak = weak_from_this()](net::upstream& which, bool) {
      if (const auto alive = weak.lock()) {
        std::erase_if(alive->resting_, [&](const auto& each) { return each.get() == &which; });
      }
    };
    auto made = std::make_shared<net::upstream>(executor_, net::make_frame_codec(limits),
                                                std::move(idle_sink));
    std::erase_if(busy_, [](const auto& each) { return each.expired(); });
    busy_.push_back(made);
    tls_failure_.clear();
    boost::system::error_code failed;
    if (options_.tls) {
      failed = co_await made->connect(endpoint, until, way_);
    } else {
      failed = co_await made->connect(endpoint, until);
    }
    found_ = endpoint;
    if (!failed) co_return made;
    made->close();
    why = "the agent at " + options_.address +
          " can not be reached: " + (tls_failure_.empty() ? failed.message() : tls_failure_);
    if (closed_ || now() >= until) break;
  }
  co_return nullptr;
}

asio::awaitable<line::raw_answer> line::exchange(std::string method, std::string params,
                                                 core::time_point deadline) {
  const auto self = shared_from_this();
  raw_answer out;
  std::string body;
  wire::append_request(body, std::string(service_name) + "@" + method, params);
  // A connection that has rested may have ended: then no byte of the call has left.
  for (bool again = true; again && !closed_;) {
    std::shared_ptr<net::upstream> by;
    const bool rested = !resting_.empty();
    if (rested) {
      by = std::move(resting_.back());
      resting_.pop_back();
    } else {
      by = co_await connect(deadline, out.what.why);
    }
    if (!by) co_return out;
    const net::outgoing what{body};
    auto got = co_await net::carry(by, what, deadline);
    again = rested && got.how == core::outcome::stale;
    if (again) continue;
    if (got.how != core::outcome::answered) {
      out.what.sent = core::was_sent(got.how);
      out.what.why = "the agent at " + options_.address + " does not answer (" +
                     std::string(core::to_string(got.how)) + ")";
      co_return out;
    }
    if (by->clean() && !closed_ && resting_.size() < resting_max) {
      by->rest(now());
      by->watch_rest();
      resting_.push_back(std::move(by));
    }
    const auto parsed = wire::parse_answer(got.body);
    out.what.came = parsed && !parsed->is_error();
    out.what.sent = true;
    if (out.what.came) {
      out.what.body = parsed->result;
    } else if (parsed) {
      out.what.refused = true;
      out.code = parsed->code;
      out.data = parsed->data;
      out.what.why = wire::decode_string(parsed->message);
    }
    co_return out;
  }
  if (closed_) out.what.why = "nobody waits for it any more";
  co_return out;
}

/// Learns the agent's nonce.
asio::awaitable<line::answer> line::introduce(core::time_point deadline) {
  const auto self = shared_from_this();
  raw_answer got = co_await exchange("challenge", "[]", deadline);
  got.what.sent = false;  // nothing was to be done
  if (!got.what.came) co_return std::move(got.what);
  try {
    nonce_ = from_json_text<std::string>(got.what.body);
  } catch (const rpc_error& e) {
    got.what.came = false;
    got.what.why = std::string("that is no agent: ") + e.what();
  }
  co_return std::move(got.what);
}

asio::awaitable<line::answer> line::ask(std::string method, std::string body,
                                        core::time_point deadline) {
  const auto self = shared_from_this();
  answer out;
  for (int tries = 0; tries < 2; ++tries) {
    if (nonce_.empty()) {
      out = co_await introduce(deadline);
      if (!out.came) co_return out;
    }
    sealed call;
    call.nonce = nonce_;
    call.caller = caller_;
    call.number = ++number_;
    call.body = body;
    const std::string secret = options_.secret;
    call.proof = prove_call(secret, options_.node, method, call);
    raw_answer got = co_await exchange(method, "[" + to_json_text(call) + "]", deadline);
    out = std::move(got.what);
    if (!out.came) {
      // The agent was started anew, or asks all to begin anew: it has not looked at the call.
      if (got.code != code::not_allowed || got.data != stale_data) co_return out;
      if (nonce_ == call.nonce) nonce_.clear();
      out.sent = out.refused = false;
      continue;
    }
    out.came = false;
    try {
      auto said = from_json_text<sealed_answer>(out.body);
      out.came = same(said.proof, prove_answer(secret, call, said.body));
      out.body = std::move(said.body);
      if (!out.came) out.why = "what answers at " + options_.address + " does not know the secret";
    } catch (const rpc_error& e) {
      out.why = std::string("that is no agent: ") + e.what();
    }
    co_return out;
  }
  co_return out;
}

}  // namespace understudy::agent
