use super::*;

fn record(model: &str) -> Record {
    Record { tenant: "acme".to_owned(), model: model.to_owned(), requests: 1, ..Record::default() }
}

fn files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".journal")).collect();
    names.sort();
    names
}

/// All that is to be folded in, piece by piece.
fn fold(journal: &Journal) -> Vec<Record> {
    let mut records = Vec::new();
    while let Some(piece) = journal.next_piece().unwrap() {
        journal.folded(&piece);
        records.extend(piece.records);
    }
    records
}

#[test]
fn records_come_in_order_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::begin(folder.path(), ProcessId::new_random()).unwrap();
    let call = journal.reserve(record("a"));
    journal.settle(record("b"));
    journal.settle(Record { call, ..record("a") });
    journal.sync().unwrap();
    let found = fold(&journal);
    assert_eq!(found.iter().map(|record| (record.number, record.call)).collect::<Vec<_>>(), [(1, 1), (2, 0), (3, 1)]);
    assert_eq!(found.iter().map(|record| record.is_reservation).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(fold(&journal), []);
    drop(journal);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_is_not_folded_in_or_not_settled_stays() {
    let folder = tempfile::tempdir().unwrap();
    for is_folded in [false, true] {
        let journal = Journal::begin(folder.path(), ProcessId::new_random()).unwrap();
        journal.reserve(record("a"));
        if is_folded {
            assert_eq!(fold(&journal).len(), 1);
        }
        drop(journal);
    }
    assert_eq!(files(folder.path()).len(), 2);
}

#[test]
fn a_full_file_is_ended_and_removed_once_it_is_folded_in() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::begin(folder.path(), ProcessId::new_random()).unwrap();
    let call = journal.reserve(record("runs"));
    let large = "x".repeat(60_000);
    let mut written = 1;
    while files(folder.path()).len() < 3 {
        journal.settle(record(&large));
        written += 1;
    }
    let first = files(folder.path())[0].clone();
    let found = fold(&journal);
    // The reservation is carried over into each new file.
    let carried = found.iter().filter(|record| record.is_reservation && record.call == call).count();
    assert_eq!((carried, found.len()), (3, written + 2));
    assert!(found.windows(2).all(|pair| pair[0].number + 1 == pair[1].number));
    let left = files(folder.path());
    assert!(left.len() == 1 && left[0] != first);
    let (in_file, _) = Record::read_all(&std::fs::read(folder.path().join(&left[0])).unwrap());
    assert!(in_file.iter().any(|record| record.is_reservation && record.call == call));
}

#[test]
fn a_file_that_was_folded_in_before_it_was_ended_holds_up_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::begin(folder.path(), ProcessId::new_random()).unwrap();
    let large = "x".repeat(200_000);
    let mut written = 0;
    for _ in 0..100 {
        journal.settle(record(&large));
        written += 1;
        if written % 2 == 0 {
            assert_eq!(fold(&journal).len(), 2);
        }
    }
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn what_the_disk_does_not_take_is_written_later() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::begin(folder.path(), ProcessId::new_random()).unwrap();
    journal.settle(record("a"));
    let good = {
        let mut state = journal.state();
        let segment = state.segments.back_mut().unwrap();
        let read_only = File::open(&segment.path).unwrap();
        std::mem::replace(&mut segment.file, read_only)
    };
    journal.settle(record("b"));
    journal.settle(record("c"));
    assert_eq!(journal.state().unwritten.len(), 2);
    journal.state().segments.back_mut().unwrap().file = good;
    journal.sync().unwrap();
    journal.settle(record("d"));
    let models: Vec<_> = fold(&journal).into_iter().map(|record| record.model).collect();
    assert_eq!(models, ["a", "b", "c", "d"]);
}

#[test]
fn a_journal_is_locked_while_its_process_lives() {
    let folder = tempfile::tempdir().unwrap();
    let process = ProcessId::new_random();
    let journal = Journal::begin(folder.path(), process).unwrap();
    journal.reserve(record("a"));
    assert!(create(&folder.path().join(lock_name(process))).unwrap().try_lock().is_err());
    drop(journal);
    create(&folder.path().join(lock_name(process))).unwrap().try_lock().unwrap();
}
