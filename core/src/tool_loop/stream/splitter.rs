//! Which pieces of tool calls go out: those of the caller's own tools, numbered from 0.

use gateway_proto::v1::ToolCallDelta;

use crate::tool_loop::offer::Offered;

/// The calls of one step, by their index.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    calls: Vec<(u32, Kind)>,
    callers: u32,
}

#[derive(Debug)]
enum Kind {
    /// Nothing has named it yet; its pieces wait.
    Unknown(Vec<ToolCallDelta>),
    /// The gateway runs it.
    Own,
    /// The caller runs it, under this index.
    Callers(u32),
}

impl Splitter {
    /// Takes in a piece, and adds to `out` what goes out.
    pub(super) fn take(&mut self, mut piece: ToolCallDelta, offered: &Offered, out: &mut Vec<ToolCallDelta>) {
        let place = self.calls.iter().position(|(index, _)| *index == piece.index).unwrap_or_else(|| {
            self.calls.push((piece.index, Kind::Unknown(Vec::new())));
            self.calls.len() - 1
        });
        let kind = &mut self.calls[place].1;
        if let Kind::Unknown(waiting) = kind {
            let Some(is_callers) = is_callers(&piece, offered) else { return waiting.push(piece) };
            if !is_callers {
                *kind = Kind::Own;
                return;
            }
            let index = self.callers;
            self.callers += 1;
            out.extend(std::mem::take(waiting).into_iter().map(|piece| ToolCallDelta { index, ..piece }));
            *kind = Kind::Callers(index);
        }
        if let Kind::Callers(index) = kind {
            piece.index = *index;
            out.push(piece);
        }
    }
}

/// Whose a call is, once a piece names it.
fn is_callers(piece: &ToolCallDelta, offered: &Offered) -> Option<bool> {
    if piece.custom.is_some() {
        return Some(true);
    }
    let name = piece.function.as_ref()?.name.as_deref().filter(|name| !name.is_empty())?;
    Some(offered.is_callers(name))
}
