//! What the journal says of a call, and how it stands in the file.

use std::sync::Arc;

use gateway_storage::{BudgetUnit, BudgetWindow, Tenant, UsageTotals};
use prost::Message;

/// What stands before each record: its length and its checksum.
const HEAD: usize = 8;
/// A longer record is damage: names are bounded, and so are the budgets of a call.
const MAX_RECORD_BYTES: usize = 1 << 20;

/// What the journal says of a call: what is reserved for it while it runs, or what it came to.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Record {
    /// Its place in the journal of its process, from 1.
    #[prost(uint64, tag = "1")]
    pub(crate) number: u64,
    /// When it was written, in milliseconds since 1970.
    #[prost(int64, tag = "2")]
    pub(crate) at: i64,
    /// The call whose reservation this is, or which this settles; 0: nothing was reserved.
    #[prost(uint64, tag = "3")]
    pub(crate) call: u64,
    /// Whether the call still runs.
    #[prost(bool, tag = "4")]
    pub(crate) is_reservation: bool,
    #[prost(string, tag = "5")]
    pub(crate) tenant: String,
    #[prost(string, tag = "6")]
    pub(crate) model: String,
    /// 0: the model server did nothing for the call.
    #[prost(uint64, tag = "7")]
    pub(crate) requests: u64,
    #[prost(uint64, tag = "8")]
    pub(crate) prompt_tokens: u64,
    #[prost(uint64, tag = "9")]
    pub(crate) cached_prompt_tokens: u64,
    #[prost(uint64, tag = "10")]
    pub(crate) completion_tokens: u64,
    #[prost(uint64, tag = "11")]
    pub(crate) cost_nano_usd: u64,
    #[prost(bool, tag = "12")]
    pub(crate) is_estimated: bool,
    #[prost(bool, tag = "13")]
    pub(crate) is_priced: bool,
    /// What of the budgets it takes.
    #[prost(message, repeated, tag = "14")]
    pub(crate) shares: Vec<Share>,
}

/// What a call takes of a budget's window.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Share {
    #[prost(string, tag = "1")]
    budget: String,
    #[prost(string, tag = "2")]
    unit: String,
    #[prost(int64, tag = "3")]
    starts_at: i64,
    #[prost(int64, tag = "4")]
    ends_at: i64,
    #[prost(int64, tag = "5")]
    amount: i64,
}

impl Share {
    pub(crate) fn new(window: &BudgetWindow, amount: i64) -> Self {
        Self {
            budget: window.budget.to_string(),
            unit: window.unit.name().to_owned(),
            starts_at: window.starts_at,
            ends_at: window.ends_at,
            amount,
        }
    }

    /// The window and the amount; none where another version wrote of a unit that this one does not know.
    pub(crate) fn of_tenant(&self, tenant: &Tenant) -> Option<(BudgetWindow, i64)> {
        let window = BudgetWindow {
            tenant: tenant.clone(),
            budget: Arc::from(self.budget.as_str()),
            unit: BudgetUnit::from_name(&self.unit)?,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
        };
        Some((window, self.amount))
    }
}

impl Record {
    /// What is added to the sums.
    pub(crate) fn totals(&self) -> UsageTotals {
        UsageTotals {
            requests: self.requests,
            estimated_requests: if self.is_estimated { self.requests } else { 0 },
            priced_requests: if self.is_priced { self.requests } else { 0 },
            prompt_tokens: self.prompt_tokens,
            cached_prompt_tokens: self.cached_prompt_tokens,
            completion_tokens: self.completion_tokens,
            cost_nano_usd: self.cost_nano_usd,
        }
    }

    /// Writes it behind what is in the buffer.
    pub(crate) fn write(&self, buffer: &mut Vec<u8>) {
        let begin = buffer.len();
        buffer.extend([0; HEAD]);
        self.encode_raw(buffer);
        let length = u32::try_from(buffer.len() - begin - HEAD).unwrap_or(u32::MAX);
        let checksum = crc32fast::hash(&buffer[begin + HEAD..]);
        buffer[begin..begin + 4].copy_from_slice(&length.to_le_bytes());
        buffer[begin + 4..begin + HEAD].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Reads the first record, and how many bytes it takes; none: there is none, or it is torn or damaged.
    pub(crate) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let number = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let length = usize::try_from(number(0)?).ok().filter(|length| *length <= MAX_RECORD_BYTES)?;
        let payload = bytes.get(HEAD..HEAD + length)?;
        if crc32fast::hash(payload) != number(4)? {
            return None;
        }
        // A file of zeros has the right checksum, and no record has this number.
        let record = Self::decode(payload).ok().filter(|record| record.number > 0)?;
        Some((record, HEAD + length))
    }

    /// Reads all records up to the first that is torn or damaged; and up to where they are good.
    pub(crate) fn read_all(bytes: &[u8]) -> (Vec<Self>, usize) {
        let (mut records, mut end) = (Vec::new(), 0);
        while let Some((record, length)) = Self::read(&bytes[end..]) {
            records.push(record);
            end += length;
        }
        (records, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u64) -> Record {
        Record { number, tenant: "acme".to_owned(), requests: 1, ..Record::default() }
    }

    #[test]
    fn what_is_torn_or_damaged_ends_the_records() {
        let mut file = Vec::new();
        (1..=3).for_each(|number| record(number).write(&mut file));
        let (all, end) = Record::read_all(&file);
        assert_eq!((all.len(), end), (3, file.len()));
        let second = file.len() / 3;
        for cut in 0..file.len() {
            let (found, end) = Record::read_all(&file[..cut]);
            assert_eq!((found.len(), end), (cut / second, cut / second * second), "{cut}");
        }
        for at in second..2 * second {
            let mut damaged = file.clone();
            damaged[at] ^= 0x10;
            assert_eq!(Record::read_all(&damaged).0, [record(1)], "{at}");
        }
        file.extend([0; 4096]);
        assert_eq!(Record::read_all(&file).0.len(), 3);
    }
}
