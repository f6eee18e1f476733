//! The chunk that tells what a streamed answer cost.

use gateway_proto::v1::{ChatCompletionChunk, ChunkChoice, ChunkNotice, CostNotice, MessageDelta, chunk_notice};

use super::tells_nothing;
use crate::catalog::CatalogModel;
use crate::usage::{Meter, Priced};

/// The chunk that tells what a streamed answer cost: once, near the end, and before the chunk with the usage, which
/// clients take for the last one.
#[derive(Debug, Default)]
pub(super) struct CostEvent {
    /// Made of the first chunk, which knows the answer's id; none: there is nothing to tell.
    chunk: Option<Box<ChatCompletionChunk>>,
    has_price: bool,
}

impl CostEvent {
    /// That of an answer of this model.
    pub(super) fn of(model: &CatalogModel) -> Self {
        Self { chunk: None, has_price: model.facts.prices.is_some() }
    }

    /// Looks at what came, and puts the chunk before one with nothing but the usage.
    pub(super) fn watch(&mut self, chunks: &mut Vec<ChatCompletionChunk>, meter: &Meter) {
        if !self.has_price {
            return;
        }
        if let (None, Some(first)) = (&self.chunk, chunks.first()) {
            self.chunk = Some(Box::new(ChatCompletionChunk {
                id: first.id.clone(),
                created: first.created,
                model: first.model.clone(),
                // An empty choice, since clients look at the first one of whatever chunk.
                choices: vec![ChunkChoice { delta: Some(MessageDelta::default()), ..ChunkChoice::default() }],
                ..ChatCompletionChunk::default()
            }));
        }
        let is_usage = |chunk: &ChatCompletionChunk| chunk.usage.is_some() && chunk.choices.iter().all(tells_nothing);
        if let Some(at) = chunks.iter().position(is_usage)
            && let Some(chunk) = self.last(meter.priced())
        {
            chunks.insert(at, chunk);
        }
    }

    /// The chunk, where it was not told before.
    pub(super) fn last(&mut self, priced: Option<Priced>) -> Option<ChatCompletionChunk> {
        let notice = cost_notice(priced?);
        let chunk = self.chunk.take()?;
        self.has_price = false;
        Some(ChatCompletionChunk { notice: Some(notice), ..*chunk })
    }
}

/// What is told of a cost.
pub(crate) fn cost_notice(Priced { cost, is_estimated }: Priced) -> ChunkNotice {
    let cost = CostNotice { cost_usd: cost.to_string(), estimated: is_estimated };
    ChunkNotice { notice: Some(chunk_notice::Notice::Cost(cost)) }
}
