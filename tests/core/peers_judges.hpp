// How the peers tell that a server is bad, rebuilt from their documentation and papers.
#pragma once

#include <cstdint>
#include <deque>

#include "core/dice.hpp"
#include "core/peers_world.hpp"

namespace understudy::core::peers {

/// What a proxy believes of two servers.
class judge {
 public:
  virtual ~judge() = default;
  /// Whether a call may go there now. Where it is to be the trial of a server that is out, the
  /// trial has begun.
  [[nodiscard]] virtual bool take(time_point now, std::size_t server) = 0;
  /// An attempt ended; a fault is an HTTP 500, an error of the service an HTTP 200.
  /// Abandoned says nothing: its caller has gone.
  virtual void ended(time_point now, std::size_t server, outcome how) = 0;
  virtual void probed(time_point now, std::size_t server, bool good) = 0;
  [[nodiscard]] unsigned ejections() const { return ejections_; }

 protected:
  void count_ejection() { ++ejections_; }

 private:
  unsigned ejections_ = 0;
};

/// HAProxy: `fall` failed checks in a row and a server is down, `rise` good ones and it is up
/// (Configuration Manual 2.6, section 5.2: check, inter, fall, rise). With `error_limit`: observe
/// layer7, on-error mark-down; so many errors of traffic in a row put it down at once.
class check_judge : public judge {
 public:
  check_judge(unsigned fall, unsigned rise, unsigned error_limit)
      : fall_(fall), rise_(rise), error_limit_(error_limit) {}
  bool take(time_point now, std::size_t server) override;
  void ended(time_point now, std::size_t server, outcome how) override;
  void probed(time_point now, std::size_t server, bool good) override;

 private:
  struct seen {
    bool up = true;
    unsigned checks = 0;  ///< in a row that say the contrary
    unsigned errors = 0;  ///< of traffic, in a row
  };
  void mark_down(seen& s);

  unsigned fall_;
  unsigned rise_;
  unsigned error_limit_;  ///< 0: traffic is not observed
  seen servers_[2];
};

/// NGINX: max_fails=1 failed attempt and a server is out for fail_timeout=10s; then one request
/// tries it (ngx_http_upstream_module, server; ngx_http_proxy_module, proxy_next_upstream).
class max_fails_judge : public judge {
 public:
  /// `faults`: http_500 is among the failed attempts.
  explicit max_fails_judge(bool faults) : faults_(faults) {}
  bool take(time_point now, std::size_t server) override;
  void ended(time_point now, std::size_t server, outcome how) override;
  void probed(time_point, std::size_t, bool) override {}

 private:
  struct seen {
    bool failed = false;
    time_point failed_at{};
    time_point checked{};
  };
  bool faults_;
  seen servers_[2];
};

/// Envoy: consecutive_5xx 5 ejects for base_ejection_time 30 s times the ejections so far (at most
/// 300 s; one less for each interval of 10 s that passes well); a host returns at the end of an
/// interval. Success rate needs 5 hosts, so it never speaks here (arch_overview/upstream/outlier,
/// cluster.OutlierDetection). Active checks: 2 bad ones and it is out, 2 good ones and it is in.
class outlier_judge : public judge {
 public:
  bool take(time_point now, std::size_t server) override;
  void ended(time_point now, std::size_t server, outcome how) override;
  void probed(time_point now, std::size_t server, bool good) override;

 private:
  struct seen {
    unsigned errors = 0;  ///< in a row
    unsigned times = 0;   ///< the multiplier
    time_point until{};   ///< ejected
    bool healthy = true;  ///< by checks
    unsigned checks = 0;  ///< in a row that say the contrary
  };
  seen servers_[2];
};

/// Finagle and Linkerd 1: 5 failures in a row mark a server dead for 5 s, then one request tries
/// it; each failed trial doubles the time, at most 300 s, of which half is random (Finagle,
/// Clients: Circuit Breaking; linkerd.io/1: io.l5d.consecutiveFailures).
class accrual_judge : public judge {
 public:
  explicit accrual_judge(std::uint64_t seed) : random_(seed) {}
  bool take(time_point now, std::size_t server) override;
  void ended(time_point now, std::size_t server, outcome how) override;
  void probed(time_point, std::size_t, bool) override {}

 private:
  struct seen {
    unsigned failures = 0;  ///< in a row
    bool dead = false;
    bool on_trial = false;
    duration rest{};
    time_point until{};
  };
  dice random_;
  seen servers_[2];
};

/// Hayashibara, Defago, Yared, Katayama: The phi accrual failure detector (SRDS 2004). Threshold 8,
/// the last 1000 times between answers of any kind, taken as normal; their deviation counts as
/// 100 ms at the least, as in Akka. Back with the first answer to a probe.
class phi_judge : public judge {
 public:
  bool take(time_point now, std::size_t server) override;
  void ended(time_point now, std::size_t server, outcome how) override;
  void probed(time_point now, std::size_t server, bool good) override;

 private:
  struct seen {
    std::deque<double> gaps;
    double sum = 0;
    double squares = 0;
    time_point heard{};
    bool suspect = false;
  };
  void hear(time_point now, seen& s);
  [[nodiscard]] static double phi(time_point now, const seen& s);
  seen servers_[2];
};

}  // namespace understudy::core::peers
