//! The tool loop: the model asks for tools of the gateway, the gateway runs them and gives back what they gave, until the
//! model answers without one.
//!
//! [`Offer`] says which tools a request is given; a [`Session`] is a request with them. [`whole`] and [`stream`] lead it to
//! its answer, one call of the model after the other, and both ask the same [`Progress`] what a step comes to. It always
//! ends: after so many steps, and when the model repeats itself, one more call without tools makes an answer of what there
//! is. An answer is one answer, however many calls it took: one id, one sum of tokens and cost.

mod calls;
mod guard;
mod offer;
mod progress;
mod stream;
mod synthesis;
mod totals;
mod whole;

use std::sync::Arc;

use gateway_proto::v1::Notice;
use gateway_proto::{ApiError, ErrorCode};
use tokio::time::Instant;

use crate::call::Call;
use crate::catalog::CatalogModel;
use crate::domain::limits::Applied;
use crate::tools::ToolContext;

use offer::refuses_tools;
pub(crate) use offer::{Offer, Offered, Surface};
pub(crate) use stream::ToolStream;
pub(crate) use whole::complete;

/// A request with tools of the gateway.
#[derive(Debug)]
pub(crate) struct Session {
    offered: Offered,
    context: Arc<ToolContext>,
    /// Whether what the tools gave is kept with the turn: then they run beside calls of the caller's own tools.
    keeps_steps: bool,
}

impl Session {
    /// A request with these tools, which run for these.
    pub(crate) fn new(offered: Offered, context: ToolContext) -> Self {
        let keeps_steps = context.moment.conversation.is_some();
        Self { offered, context: Arc::new(context), keeps_steps }
    }
}

/// What a request is without the gateway's tools, where its model server seems to have refused them and they were all that
/// it had: it is asked again in this form. Only an answer to that shows that it was the tools.
fn without_tools(error: &ApiError, offered: &Offered, applied: &Applied) -> Option<Applied> {
    if !offered.are_all() || !refuses_tools(error) {
        return None;
    }
    let mut applied = applied.clone();
    applied.augmented.server_tools = false;
    Some(applied)
}

/// A call whose time is that of one chat, however many calls of the model it takes.
fn within_one_chat(call: &Call, model: &CatalogModel) -> Call {
    let end = Instant::now() + model.route.first().upstream().total();
    Call { deadline: Some(call.deadline.map_or(end, |deadline| deadline.min(end))), ..call.clone() }
}

/// Why the loop ended with an answer that the model was asked for without tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoopEnd {
    /// It took as many steps as it may.
    Cap(u32),
    /// In this step the model repeated a call.
    Repeat(u32),
}

impl LoopEnd {
    /// Its code in the error catalog, where it is no failure.
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::Cap(_) => ErrorCode::ToolLoopMaxIterations,
            Self::Repeat(_) => ErrorCode::ToolLoopAntiLoopSynthesised,
        }
    }

    /// After how many steps.
    pub(crate) fn iterations(self) -> u32 {
        match self {
            Self::Cap(iterations) | Self::Repeat(iterations) => iterations,
        }
    }

    fn notice(self) -> Notice {
        let message = match self {
            Self::Cap(most) => {
                format!(
                    "The model asked for tools {most} times, the most it may; the answer is made of what they gave."
                )
            }
            Self::Repeat(step) => {
                format!(
                    "In step {step} the model repeated a call of a tool; the answer is made of what the tools gave."
                )
            }
        };
        Notice { code: self.code().facts().code.to_owned(), message, iterations: self.iterations() }
    }
}
