//! Windows of time by the calendar, in UTC.

const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;

/// How long a budget lasts until there is a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Period {
    /// A minute of the clock.
    Minute,
    /// A day.
    Day,
    /// A month.
    Month,
}

impl Period {
    /// The begin and the end of the window that a time is in, all in milliseconds since 1970.
    pub(crate) fn window(self, at: i64) -> (i64, i64) {
        let aligned = |length: i64| {
            let begin = at - at.rem_euclid(length);
            (begin, begin + length)
        };
        match self {
            Self::Minute => aligned(MINUTE),
            Self::Day => aligned(DAY),
            Self::Month => {
                let (year, month) = month_of(at.div_euclid(DAY));
                let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                (first_day(year, month) * DAY, first_day(next.0, next.1) * DAY)
            }
        }
    }
}

/// The year and the month of a day since 1970, by Howard Hinnant's `civil_from_days`: years begin in March, so that the
/// day that some of them have more is the last one.
fn month_of(day: i64) -> (i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month)
}

/// The first day of a month, in days since 1970: the way back, `days_from_civil`.
fn first_day(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_those_of_the_calendar() {
        // 2026-11-26T16:20:25Z
        let at = 1_795_710_025_000;
        assert_eq!(Period::Minute.window(at), (1_795_710_000_000, 1_795_710_060_000));
        assert_eq!(Period::Day.window(at), (1_795_651_200_000, 1_795_737_600_000));
        // 2026-11-01 and 2026-12-01
        assert_eq!(Period::Month.window(at), (1_793_491_200_000, 1_796_083_200_000));
    }

    #[test]
    fn months_follow_each_other_without_a_gap() {
        let mut begin = Period::Month.window(0).0;
        assert_eq!(begin, 0);
        let mut lengths = Vec::new();
        while lengths.len() < 12 * 200 {
            let (found, end) = Period::Month.window(begin);
            assert_eq!(found, begin);
            assert_eq!(Period::Month.window(end - 1), (begin, end));
            lengths.push((end - begin) / DAY);
            begin = end;
        }
        let of_year = |year: usize| lengths[(year - 1970) * 12..(year - 1969) * 12].to_vec();
        assert_eq!(of_year(2024), [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]);
        assert_eq!((of_year(2026)[1], of_year(2000)[1], of_year(2100)[1]), (28, 29, 28));
    }
}
