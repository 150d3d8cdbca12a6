// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "retail/shipments/topology.hpp"
#include "retail/tests/builders.hpp"

namespace retail {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class Shipments : public testing::Test {
 protected:
  explicit Shipments(const Settings& settings = scarce)
      : driver_(sound(shipments::topology(settings))) {
    driver_.declare_topic(orders_topic, "orders");
  }
  std::string confirm(const RequestId& order) {
    const std::string cause =
        driver_.pipe(orders_topic, order, OrderEvent(OrderConfirmed{{"France"}, {1'000}}), day(0),
                     "correlation-of-" + order.text);
    driver_.run_until_idle();
    return cause;
  }
  std::vector<std::string> said() { return story(driver_, shipments_topic); }

  const RequestId good_ = id_such_that([](const RequestId& order) {
    return !shipments::packing_fails(scarce, order) &&
           !shipments::dispatch_is_late(scarce, order, 1);
  });
  const RequestId failing_ =
      id_such_that([](const RequestId& order) { return shipments::packing_fails(scarce, order); });
  const RequestId late_ = id_such_that(
      [](const RequestId& order) { return shipments::dispatch_is_late(scarce, order, 1); });
  millrace::testkit::TopologyDriver driver_;
};

class AmpleShipments : public Shipments {
 protected:
  AmpleShipments() : Shipments(ample) {}
};

TEST_F(Shipments, a_confirmed_order_is_packed_and_dispatched) {
  confirm(good_);
  EXPECT_THAT(said(), ElementsAre("OrderPackaged " + good_.text, "OrderDispatched " + good_.text));
}

TEST_F(Shipments, some_orders_cannot_be_packed_and_are_not_dispatched) {
  confirm(failing_);
  driver_.advance_ms(1'000);
  EXPECT_THAT(said(), ElementsAre("PackagingFailed " + failing_.text));
}

TEST_F(Shipments, a_late_dispatch_waits_and_is_tried_again) {
  confirm(late_);
  EXPECT_THAT(said(), ElementsAre("OrderPackaged " + late_.text, "DispatchDelayed " + late_.text));
  driver_.advance_ms(shipments::wait_ms / 2);
  EXPECT_THAT(said(), IsEmpty());
  driver_.advance_ms(2 * shipments::wait_ms);
  EXPECT_THAT(said(), ElementsAre("OrderDispatched " + late_.text));
  driver_.advance_ms(10 * shipments::wait_ms);
  EXPECT_THAT(said(), IsEmpty());
  EXPECT_THAT((driver_.store<RequestId, shipments::Delayed>(shipments::delayed_store).all()),
              IsEmpty());
}

TEST_F(Shipments, a_late_dispatch_keeps_its_event_time_its_cause_and_its_correlation) {
  const std::string cause = confirm(late_);
  driver_.pipe(orders_topic, good_, OrderEvent(OrderConfirmed{}), day(30));
  driver_.advance_ms(3 * shipments::wait_ms);
  for (const auto& record : driver_.read_raw(shipments_topic)) {
    if (record.key != late_.text) continue;
    EXPECT_EQ(record.timestamp_ms, day(0));
    EXPECT_EQ(record.header("ce_causationid"), cause);
    EXPECT_EQ(record.header("ce_correlationid"), "correlation-of-" + late_.text);
  }
}

TEST_F(Shipments, a_dispatch_that_waits_survives_a_crash) {
  confirm(late_);
  driver_.crash_and_restart();
  driver_.advance_ms(3 * shipments::wait_ms);
  driver_.crash_and_restart();
  driver_.advance_ms(3 * shipments::wait_ms);
  EXPECT_THAT(said(), ElementsAre("OrderPackaged " + late_.text, "DispatchDelayed " + late_.text,
                                  "OrderDispatched " + late_.text));
}

TEST_F(AmpleShipments, nothing_fails_and_nothing_is_late) {
  confirm(failing_);
  confirm(late_);
  EXPECT_THAT(said(), SizeIs(4));
  EXPECT_THAT((driver_.store<RequestId, shipments::Delayed>(shipments::delayed_store).all()),
              IsEmpty());
}

}  // namespace
}  // namespace retail
