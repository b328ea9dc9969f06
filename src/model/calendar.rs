//! Dates: results as of one day, and the next day on which they change.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

/// Returns the day of a time, in UTC.
#[must_use]
pub fn day(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

/// Returns the day that is this number of days before another; the first day of the calendar if there is none.
#[must_use]
pub fn days_before(day: Date, days: u32) -> Date {
    day.checked_sub(Span::new().days(i64::from(days))).unwrap_or(Date::MIN)
}

/// Current day, and the next day on which a result changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calendar {
    today: Date,
    next: Option<Date>,
}

impl Calendar {
    pub(super) const fn new(today: Date) -> Self {
        Self { today, next: None }
    }

    /// Returns the next day on which a result of this calendar changes.
    pub(super) const fn next_change(&self) -> Option<Date> {
        self.next
    }

    /// Returns true from the start of a day on.
    pub(super) fn has_come(&mut self, day: Date) -> bool {
        if day > self.today {
            self.next = Some(self.next.map_or(day, |next| next.min(day)));
        }
        day <= self.today
    }

    /// Returns true after the end of a day, in UTC.
    pub(super) fn has_passed(&mut self, day: Date) -> bool {
        // The last day of the calendar has no day after it.
        day.tomorrow().is_ok_and(|after| self.has_come(after))
    }
}

/// Returns the day that is this number of days later, or earlier if negative, within the bounds of the calendar.
pub(super) fn days_after(day: Date, days: i32) -> Date {
    day.saturating_add(days.days())
}

/// Returns the day that is this number of months later, within the bounds of the calendar.
pub(super) fn months_after(day: Date, months: i32) -> Date {
    day.saturating_add(Span::new().months(months))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_day_is_good_through_its_end_and_the_next_change_is_the_earliest_to_come() {
        let mut calendar = Calendar::new(date(2026, 11, 24));
        assert!(!calendar.has_passed(date(2026, 11, 24)));
        assert_eq!(calendar.next_change(), Some(date(2026, 11, 25)));
        assert!(calendar.has_passed(date(2026, 11, 23)));
        assert!(calendar.has_come(date(2026, 11, 24)));
        assert!(!calendar.has_come(date(2027, 1, 1)));
        assert_eq!(calendar.next_change(), Some(date(2026, 11, 25)));
    }

    #[test]
    fn what_has_come_or_passed_already_changes_no_more() {
        let mut calendar = Calendar::new(date(2026, 11, 24));
        assert!(calendar.has_come(date(2026, 11, 24)) && calendar.has_come(date(2020, 1, 1)));
        assert!(calendar.has_passed(date(2026, 11, 23)) && calendar.has_passed(Date::MIN));
        assert_eq!(calendar.next_change(), None);
    }

    #[test]
    fn the_last_day_there_is_never_passes() {
        let mut calendar = Calendar::new(Date::MAX);
        assert!(!calendar.has_passed(Date::MAX) && calendar.has_come(Date::MAX));
        assert_eq!(calendar.next_change(), None);
        let mut calendar = Calendar::new(date(2026, 11, 24));
        assert!(!calendar.has_passed(Date::MAX));
        assert_eq!(calendar.next_change(), None, "there is no day after it");
    }

    #[test]
    fn days_and_months_are_those_of_the_calendar() {
        assert_eq!(days_after(date(2026, 11, 24), 30), date(2026, 12, 24));
        assert_eq!(days_after(date(2026, 12, 24), -30), date(2026, 11, 24));
        assert_eq!(days_after(date(2028, 2, 28), 1), date(2028, 2, 29));
        assert_eq!(months_after(date(2026, 2, 28), 12), date(2027, 2, 28));
        assert_eq!(months_after(date(2028, 2, 29), 12), date(2029, 2, 28));
        assert_eq!(months_after(date(2027, 2, 28), 12), date(2028, 2, 28));
        assert_eq!((days_after(Date::MIN, -1), months_after(Date::MAX, 1)), (Date::MIN, Date::MAX));
        assert_eq!(days_after(Date::MAX, 1), Date::MAX);
    }
}
