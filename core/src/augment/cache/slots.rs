//! Where values are kept: by tenant, then by user, so that a change touches only what it concerns.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use gateway_storage::{Change, Tenant, User};

use super::{Key, Place, Reading, Weigh};

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How many slots.
    pub(super) slots: usize,
    /// How many bytes the values have together.
    pub(super) bytes: usize,
}

/// How much is kept by a gateway: the callers of a busy hour, in some 10 MB of bookkeeping besides the values. The largest
/// value is about 100 KB.
const USUAL: Bounds = Bounds { slots: 1 << 15, bytes: 32 << 20 };
/// As many slots are looked at for one that was not used lately before one goes that was.
const SECOND_CHANCES: usize = 16;

/// A value and how it stands with it.
#[derive(Debug)]
pub(super) struct Slot<V> {
    /// The last one that was read.
    pub(super) value: Option<V>,
    /// Whether nothing was changed since its reading began.
    pub(super) is_fresh: bool,
    /// The reading under way from which it will be fresh.
    pub(super) reading: Option<Arc<Reading<V>>>,
    /// Whether somebody asked since the slot was last looked at for something that can go.
    was_used: bool,
}

/// All slots.
#[derive(Debug)]
pub(super) struct Slots<V> {
    by_tenant: HashMap<Tenant, HashMap<User, HashMap<Place, Slot<V>>>>,
    /// The key of each slot, once: what is in front goes first.
    order: VecDeque<Key>,
    bytes: usize,
    bounds: Bounds,
}

impl<V> Default for Slots<V> {
    fn default() -> Self {
        Self::within(USUAL)
    }
}

impl<V> Slot<V> {
    /// The value, for somebody who uses it.
    pub(super) fn touch(&mut self) -> Option<&V> {
        self.was_used = true;
        self.value.as_ref()
    }

    /// From now on another reading is needed.
    pub(super) fn outdate(&mut self) {
        self.is_fresh = false;
        self.reading = None;
    }

    pub(super) fn is_read_by(&self, reading: &Arc<Reading<V>>) -> bool {
        self.reading.as_ref().is_some_and(|own| Arc::ptr_eq(own, reading))
    }
}

impl<V> Slots<V> {
    /// No slots, and room for so many.
    pub(super) fn within(bounds: Bounds) -> Self {
        Self { by_tenant: HashMap::new(), order: VecDeque::new(), bytes: 0, bounds }
    }

    pub(super) fn get(&mut self, key: &Key) -> Option<&mut Slot<V>> {
        let of_user = self.by_tenant.get_mut(&key.owner.tenant)?.get_mut(&key.owner.user)?;
        of_user.get_mut(&key.place)
    }

    /// Does something with each slot that a change concerns.
    pub(super) fn each_of(&mut self, change: &Change, act: impl Fn(&mut Slot<V>)) {
        let Some(of_tenant) = self.by_tenant.get_mut(&change.tenant) else { return };
        let of_user = |of_user: &mut HashMap<Place, Slot<V>>| {
            let is_concerned = |place: &Place| change.scope.is_none() || place.scope == change.scope;
            of_user.iter_mut().filter(|(place, _)| is_concerned(place)).for_each(|(_, slot)| act(slot));
        };
        match &change.user {
            Some(user) => of_tenant.get_mut(user).into_iter().for_each(of_user),
            None => of_tenant.values_mut().for_each(of_user),
        }
    }

    /// Does something with each slot.
    pub(super) fn each(&mut self, act: impl Fn(&mut Slot<V>)) {
        let users = self.by_tenant.values_mut().flat_map(HashMap::values_mut);
        users.flat_map(HashMap::values_mut).for_each(act);
    }
}

impl<V: Weigh> Slots<V> {
    pub(super) fn get_or_insert(&mut self, key: &Key) -> &mut Slot<V> {
        if self.get(key).is_none() {
            while self.order.len() >= self.bounds.slots {
                self.remove_one();
            }
            self.order.push_back(key.clone());
        }
        let of_tenant = self.by_tenant.entry(key.owner.tenant.clone()).or_default();
        let of_user = of_tenant.entry(key.owner.user.clone()).or_default();
        let empty = || Slot { value: None, is_fresh: false, reading: None, was_used: false };
        of_user.entry(key.place.clone()).or_insert_with(empty)
    }

    /// Puts a value that was just read into its slot, if that is still there.
    pub(super) fn fill(&mut self, key: &Key, value: V) {
        let weight = value.weight();
        let Some(slot) = self.get(key) else { return };
        slot.is_fresh = true;
        let before = slot.value.replace(value).map_or(0, |before| before.weight());
        self.bytes = self.bytes + weight - before;
        while self.bytes > self.bounds.bytes {
            self.remove_one();
        }
    }

    /// Removes a slot that was not used lately, if one is found soon.
    fn remove_one(&mut self) {
        for chance in 0..=SECOND_CHANCES {
            let Some(key) = self.order.pop_front() else { return };
            match self.get(&key) {
                Some(slot) if slot.was_used && chance < SECOND_CHANCES => {
                    slot.was_used = false;
                    self.order.push_back(key);
                }
                _ => return self.remove(&key),
            }
        }
    }

    fn remove(&mut self, key: &Key) {
        let Some(of_tenant) = self.by_tenant.get_mut(&key.owner.tenant) else { return };
        let Some(of_user) = of_tenant.get_mut(&key.owner.user) else { return };
        let removed = of_user.remove(&key.place).and_then(|slot| slot.value);
        self.bytes -= removed.map_or(0, |value| value.weight());
        if of_user.is_empty() {
            of_tenant.remove(&key.owner.user);
        }
        if of_tenant.is_empty() {
            self.by_tenant.remove(&key.owner.tenant);
        }
    }
}

#[cfg(test)]
mod tests;
