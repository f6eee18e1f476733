use gateway_storage::Owner;

use super::super::super::composition::Parts;
use super::*;

fn key(user: usize) -> Key {
    let owner = Owner { tenant: Tenant::new("acme"), user: User::EndUser(user.to_string().into()) };
    Key { owner, place: Place { scope: None, parts: Parts { prompts: true, public: false, private: false } } }
}

fn put(slots: &mut Slots<usize>, user: usize, weight: usize) {
    slots.get_or_insert(&key(user));
    slots.fill(&key(user), weight);
}

/// How many slots there are, and what their values weigh, counted one by one.
fn count(slots: &mut Slots<usize>) -> (usize, usize) {
    let counted = std::cell::Cell::new((0, 0));
    slots.each(|slot| {
        let (count, weight) = counted.get();
        counted.set((count + 1, weight + slot.value.unwrap_or_default()));
    });
    counted.get()
}

#[test]
fn slots_and_bytes_are_bounded_and_what_is_gone_leaves_nothing() {
    let mut slots = Slots::within(Bounds { slots: 10, bytes: 100 });
    for user in 0..1000 {
        put(&mut slots, user, user % 70);
        let (found, weight) = count(&mut slots);
        assert!(found <= 10 && weight <= 100);
        assert_eq!((slots.order.len(), slots.bytes), (found, weight));
    }
    // One that is larger than all may be is not kept.
    put(&mut slots, 1000, 101);
    assert_eq!((count(&mut slots), slots.order.len(), slots.by_tenant.len()), ((0, 0), 0, 0));
}

#[test]
fn what_is_used_stays() {
    let mut slots = Slots::within(Bounds { slots: 10, bytes: 100 });
    for user in 0..1000 {
        put(&mut slots, user, 1);
        slots.get(&key(0)).unwrap().touch();
    }
    assert!(slots.get(&key(0)).is_some() && slots.get(&key(1)).is_none());
}

#[test]
fn a_value_takes_the_place_of_the_one_before() {
    let mut slots = Slots::within(Bounds { slots: 10, bytes: 100 });
    for weight in [50, 60, 1] {
        put(&mut slots, 0, weight);
        assert_eq!((slots.bytes, count(&mut slots)), (weight, (1, weight)));
    }
}
