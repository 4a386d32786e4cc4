// A copy travels whole, or is known not to be whole.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <thread>

#include "agent/copy_format.hpp"
#include "agent/copy_giver.hpp"
#include "agent/copy_taker.hpp"
#include "agent/node_service.hpp"
#include "db/support/cluster.hpp"
#include "db/tool.hpp"
#include "support/certificates.hpp"
#include "understudy/server.hpp"

namespace understudy::agent {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using db::eventually;
using namespace std::chrono_literals;

const std::string secret = "sixteen letters!";
constexpr core::node_id node{3};

std::string some_bytes(std::size_t size) {
  std::string out;
  std::uint64_t state = size;
  while (out.size() < size) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    out += static_cast<char>(state >> 56U);
  }
  return out;
}

/// Writes what it is told to, then ends as it is told to.
struct told_source final : db::copy_source {
  std::string bytes;
  std::string failure;
  std::atomic<bool> hangs = false;
  std::atomic<bool> begun = false;
  std::atomic<bool> ended = false;

  std::string measure(std::uintmax_t& into) override {
    into = bytes.size();
    return {};
  }
  std::string send(int fd, const db::interrupt* stop) override {
    begun = true;
    std::string_view rest = bytes;
    while (!rest.empty() && !db::stopped(stop)) {
      const auto sent = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    while (hangs && !db::stopped(stop)) std::this_thread::sleep_for(1ms);
    ended = true;
    return rest.empty() ? failure : "nobody takes it";
  }
};

/// The other end of a copy, as mbstream has it.
class collector {
 public:
  collector() {
    reader_ = std::thread([this] {
      std::array<char, 65536> some;
      for (;;) {
        const auto got = ::recv(pair_.in(), some.data(), some.size(), 0);
        if (got <= 0) return;
        bytes_.append(some.data(), static_cast<std::size_t>(got));
      }
    });
  }
  ~collector() { end(); }
  int fd() { return pair_.out(); }
  const std::string& end() {
    pair_.close_out();
    if (reader_.joinable()) reader_.join();
    return bytes_;
  }

 private:
  db::connected_pair pair_;
  std::string bytes_;
  std::thread reader_;
};

class Copy : public testing::Test {
 protected:
  void serve(std::optional<tls_options> tls = std::nullopt) {
    face_ = std::make_shared<node_face>(secret, node, nullptr);
    giver_options gives{"127.0.0.1:0", node, secret, nullptr};
    server_options serves;
    serves.tls = tls;
    if (tls) {
      gives.tls = net::tls_acceptor::make(*tls);
      tls_ = std::make_shared<net::tls_connector>(*tls);
    }
    face_->copies = std::make_unique<copy_giver>(gives, source_);
    server_.emplace(serves);
    server_->add(node_service(face_));
    server_->listen("127.0.0.1:0");
    server_->start();
  }
  line_options to() { return {server_->addresses().front(), node, secret, tls_}; }
  std::string take(const db::interrupt* stop = nullptr) {
    collector got;
    std::string why = copy_taker(to()).send(got.fd(), stop);
    got_ = got.end();
    return why;
  }

  told_source source_;
  std::shared_ptr<net::tls_connector> tls_;
  std::shared_ptr<node_face> face_;
  std::optional<server> server_;
  std::string got_;
};

TEST_F(Copy, TravelsWhole) {
  serve();
  for (const std::size_t size : {0U, 1U, 65535U, 65536U, 65537U, 20'000'000U}) {
    source_.bytes = some_bytes(size);
    EXPECT_EQ(take(), "") << size;
    EXPECT_TRUE(got_ == source_.bytes) << size;
  }
}

TEST_F(Copy, TravelsOverTls) {
  test::certificates known;
  serve(known.issue("agent"));
  source_.bytes = some_bytes(5'000'000);
  EXPECT_EQ(take(), "");
  EXPECT_TRUE(got_ == source_.bytes);
}

TEST_F(Copy, SaysWhatWentWrongAtTheGiver) {
  serve();
  source_.bytes = "a part";
  source_.failure = "the disk is gone";
  EXPECT_EQ(take(), "the disk is gone");
}

TEST_F(Copy, IsGivenToOneAtATime) {
  serve();
  source_.bytes = "a part";
  source_.hangs = true;
  std::string first;
  std::thread taker([&] { first = take(); });
  ASSERT_TRUE(eventually([&] { return source_.begun.load(); }));
  collector other;
  EXPECT_EQ(copy_taker(to()).send(other.fd(), nullptr),
            "it gives a copy to another node already: one at a time");
  source_.hangs = false;
  taker.join();
  EXPECT_EQ(first, "");
  EXPECT_EQ(take(), "");
}

TEST_F(Copy, EndsAtTheGiverWhenNobodyTakesItAnyMore) {
  serve();
  source_.bytes = some_bytes(50'000'000);
  db::interrupt stop;
  collector slow;
  std::string why;
  std::thread taker([&] {
    db::connected_pair full;  // nobody reads
    why = copy_taker(to()).send(full.out(), &stop);
  });
  ASSERT_TRUE(eventually([&] { return source_.begun.load(); }));
  stop.stop();
  taker.join();
  EXPECT_EQ(why, db::cancelled);
  EXPECT_TRUE(eventually([&] { return source_.ended.load(); }));
  EXPECT_TRUE(eventually([&] { return take().empty(); }));  // and there is room for another one
}

TEST_F(Copy, IsCutWhereTheGiverEnds) {
  serve();
  source_.bytes = "a part";
  source_.hangs = true;
  std::string why;
  std::thread taker([&] { why = take(); });
  ASSERT_TRUE(eventually([&] { return source_.begun.load(); }));
  face_->copies.reset();
  taker.join();
  EXPECT_EQ(why, "the copy was cut off");
  EXPECT_TRUE(source_.ended);
}

TEST_F(Copy, GoesToNobodyWithoutItsTicket) {
  serve();
  source_.bytes = "a secret";
  const copy_said promised = face_->copies->promise();
  EXPECT_EQ(promised.why, "");
  const auto get = [&](const std::string& request) {
    asio::io_context io;
    tcp::socket peer(io);
    peer.connect({asio::ip::address_v4::loopback(), promised.port});
    boost::system::error_code failed;
    asio::write(peer, asio::buffer(request), failed);
    std::string all;
    asio::read(peer, asio::dynamic_buffer(all), failed);
    return all;
  };
  const std::string good = copy_request(secret, node, promised.ticket);
  EXPECT_EQ(get(copy_request(secret, node, random_text())), "");
  EXPECT_EQ(get(copy_request("another sixteen letters", node, promised.ticket)), "");
  EXPECT_EQ(get(copy_request(secret, core::node_id{4}, promised.ticket)), "");
  EXPECT_FALSE(source_.begun);
  EXPECT_NE(get(good).find("a secret"), std::string::npos);
  EXPECT_EQ(get(good), "");  // once
}

TEST_F(Copy, IsGivenUnderTheSecretOfBefore) {
  const std::string next = "another sixteen letters";
  source_.bytes = some_bytes(100'000);
  face_ = std::make_shared<node_face>(next, node, nullptr, secret);
  giver_options gives{"127.0.0.1:0", node, next, nullptr, secret};
  face_->copies = std::make_unique<copy_giver>(gives, source_);
  server_.emplace(server_options());
  server_->add(node_service(face_));
  server_->listen("127.0.0.1:0");
  server_->start();
  for (const std::string& each : {secret, next}) {
    line_options from = to();
    from.secret = each;
    collector got;
    EXPECT_EQ(copy_taker(from).send(got.fd(), nullptr), "");
    EXPECT_TRUE(got.end() == source_.bytes);
  }
}

/// An agent whose copies are what a test says.
class Forged : public testing::Test {
 protected:
  std::string take(const std::function<std::string(const std::string& ticket)>& stream) {
    door in(secret, node);
    asio::io_context io;
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    copy_said granted;
    granted.ticket = random_text();
    granted.port = acceptor.local_endpoint().port();
    struct nothing {};
    service<nothing> said{std::string(service_name)};
    said.method("challenge", [&] { return in.nonce(); });
    said.method("copy",
                [&](const sealed& call) {
                  sealed_answer out;
                  out.body = to_json_text(granted);
                  out.proof = in.answer(call, out.body);
                  return out;
                },
                {"call"});
    server serving;
    serving.add(std::move(said));
    serving.listen("127.0.0.1:0");
    serving.start();
    std::thread giver([&] {
      tcp::socket peer(io);
      acceptor.accept(peer);
      std::string request(copy_request_bytes, '\0');
      asio::read(peer, asio::buffer(request));
      EXPECT_EQ(request, copy_request(secret, node, granted.ticket));
      boost::system::error_code ignored;
      asio::write(peer, asio::buffer(stream(granted.ticket)), ignored);
    });
    collector got;
    std::string why =
        copy_taker({serving.addresses().front(), node, secret, nullptr}).send(got.fd(), nullptr);
    giver.join();
    return why;
  }
  static std::string block(char kind, const std::string& what) {
    return copy_head(kind, what.size()) + what;
  }
  static std::string proof(const std::string& ticket, std::string_view of) {
    copy_proof out(secret, node, ticket);
    out.add(of);
    return out.end();
  }
};

TEST_F(Forged, WhatIsRightIsTaken) {
  EXPECT_EQ(take([](const std::string& ticket) {
              return block('d', "ab") + block('t', "") + block('d', "c") +
                     block('e', proof(ticket, "abc"));
            }),
            "");
}

TEST_F(Forged, WhatIsCutOrAlteredIsNot) {
  const std::string cut = "the copy was cut off";
  EXPECT_EQ(take([](const std::string&) { return std::string(); }), cut);
  EXPECT_EQ(take([](const std::string&) { return block('d', "abc"); }), cut);
  EXPECT_EQ(take([](const std::string& ticket) {
              const std::string all = block('d', "abc") + block('e', proof(ticket, "abc"));
              return all.substr(0, all.size() - 1);
            }),
            cut);
  EXPECT_EQ(take([](const std::string&) { return copy_head('d', copy_block_max + 1); }), cut);
  const std::string altered = "the copy was altered on its way";
  EXPECT_EQ(take([](const std::string& ticket) {
              return block('d', "abd") + block('e', proof(ticket, "abc"));
            }),
            altered);
  EXPECT_EQ(take([](const std::string& ticket) { return block('e', proof(ticket, "abc")); }),
            altered);
  EXPECT_EQ(take([](const std::string&) {
              return block('d', "abc") + block('e', proof(random_text(), "abc"));
            }),
            altered);
  EXPECT_EQ(take([](const std::string&) { return block('d', "abc") + block('e', ""); }), altered);
}

}  // namespace
}  // namespace understudy::agent
