//! What is measured of the edge, for Prometheus, and what is known of a request while it runs.
//!
//! Handles are looked up once: a request costs a few atomic additions. Values of labels come from closed sets; a path is
//! told by the template of its route, and what has no route is all one.

mod level;
mod progress;
mod requests;
mod routes;
mod texts;

pub(crate) use level::Level;
pub(crate) use progress::Progress;
pub(crate) use requests::RequestMeasures;
pub(crate) use texts::{buckets, describe};
