//! What is measured of the core, for Prometheus.
//!
//! Handles are looked up once, where what they count is made: a call costs a few atomic additions and no allocation.
//! Values of labels come from closed sets and from the operator's configuration; the names that model servers list are
//! bounded by [`model_label`] and [`tool_label`]. No text of a caller ever becomes one.

mod calls;
mod labels;
mod level;
mod models;
mod storage;
mod texts;

pub(crate) use calls::{CallMeasures, CallWatch, Stopwatch};
pub(crate) use labels::{model_label, tool_label};
pub(crate) use level::Level;
pub(crate) use models::ModelMeasures;
pub(crate) use storage::keep as watch_storage;
pub(crate) use texts::{buckets, describe};
