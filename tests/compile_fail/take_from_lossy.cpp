// says: constraints not satisfied
#include "ringfleet/channel/frame_subscriber.hpp"

#ifdef CONTROL
using Subscriber = ringfleet::channel::FrameSubscriber;
#else
using Subscriber = ringfleet::channel::LossyFrameSubscriber; // it holds nobody back, so there is nothing to keep
#endif

ringfleet::frame::ReadResult keep(Subscriber& in, ringfleet::frame::View& view) {
  return in.take(view);
}
