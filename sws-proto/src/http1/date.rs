//! The Date header's timestamp (RFC 9110 §5.6.7, IMF-fixdate).

const SECONDS_PER_DAY: u64 = 86_400;
/// 9999-12-31T23:59:59Z: the format has four digits for the year.
const LAST_SECOND: u64 = 253_402_300_799;
/// 0000-03-01 to 1970-01-01.
const DAYS_BEFORE_EPOCH: u64 = 719_468;
/// 400 years in the Gregorian calendar always have this many days.
const DAYS_PER_ERA: u64 = 146_097;

/// A timestamp in the form `Sun, 06 Nov 1994 08:49:37 GMT`, kept up to date cheaply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpDate {
    unix_seconds: u64,
    text: [u8; 29],
}

impl HttpDate {
    /// The timestamp of a moment in seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
    /// Moments after the year 9999 are written as its last second.
    #[must_use]
    pub fn new(unix_seconds: u64) -> Self {
        let unix_seconds = unix_seconds.min(LAST_SECOND);
        let mut date = Self {
            unix_seconds,
            text: *b"Thu, 01 Jan 1970 00:00:00 GMT",
        };
        date.write_day();
        date.write_time();
        date
    }

    /// Moves to another moment. Nothing is written if it is the same second, only the time of day
    /// if it is the same day.
    #[inline]
    pub fn update(&mut self, unix_seconds: u64) {
        if unix_seconds != self.unix_seconds {
            self.rewrite(unix_seconds.min(LAST_SECOND));
        }
    }

    /// The timestamp's text.
    #[must_use]
    #[inline]
    pub const fn as_bytes(&self) -> &[u8; 29] {
        &self.text
    }

    #[cold]
    fn rewrite(&mut self, unix_seconds: u64) {
        let day_before = self.unix_seconds / SECONDS_PER_DAY;
        self.unix_seconds = unix_seconds;
        if unix_seconds / SECONDS_PER_DAY != day_before {
            self.write_day();
        }
        self.write_time();
    }

    fn write_time(&mut self) {
        let second = self.unix_seconds % SECONDS_PER_DAY;
        let [.., h1, h0, _, m1, m0, _, s1, s0, _, _, _, _] = &mut self.text;
        [*h1, *h0] = two_digits(second / 3600);
        [*m1, *m0] = two_digits(second / 60 % 60);
        [*s1, *s0] = two_digits(second % 60);
    }

    fn write_day(&mut self) {
        let days = self.unix_seconds / SECONDS_PER_DAY;
        let (year, month, day) = civil(days);
        let [
            w0,
            w1,
            w2,
            _,
            _,
            d1,
            d0,
            _,
            n0,
            n1,
            n2,
            _,
            y3,
            y2,
            y1,
            y0,
            ..,
        ] = &mut self.text;
        // 1970-01-01 was a Thursday.
        [*w0, *w1, *w2] = match days % 7 {
            0 => *b"Thu",
            1 => *b"Fri",
            2 => *b"Sat",
            3 => *b"Sun",
            4 => *b"Mon",
            5 => *b"Tue",
            _ => *b"Wed",
        };
        [*d1, *d0] = two_digits(day);
        [*n0, *n1, *n2] = match month {
            1 => *b"Jan",
            2 => *b"Feb",
            3 => *b"Mar",
            4 => *b"Apr",
            5 => *b"May",
            6 => *b"Jun",
            7 => *b"Jul",
            8 => *b"Aug",
            9 => *b"Sep",
            10 => *b"Oct",
            11 => *b"Nov",
            _ => *b"Dec",
        };
        [*y3, *y2] = two_digits(year / 100);
        [*y1, *y0] = two_digits(year % 100);
    }
}

fn two_digits(value: u64) -> [u8; 2] {
    let value = (value % 100) as u8;
    [b'0' + value / 10, b'0' + value % 10]
}

/// Year, month and day of a day counted from 1970-01-01.
///
/// Counted in years that begin in March, so that the leap day is the last of its year and months
/// follow a fixed pattern of 153 days in five.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_BEFORE_EPOCH;
    let era = days / DAYS_PER_ERA;
    let day_of_era = days % DAYS_PER_ERA;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let (month, next_year) = match shifted_month {
        0..=9 => (shifted_month + 3, 0),
        _ => (shifted_month - 9, 1),
    };
    (era * 400 + year_of_era + next_year, month, day)
}

#[cfg(test)]
mod tests {
    use core::str::from_utf8;

    use super::{HttpDate, LAST_SECOND, SECONDS_PER_DAY, civil};

    fn text(unix_seconds: u64) -> HttpDate {
        HttpDate::new(unix_seconds)
    }

    #[test]
    fn known_moments() {
        for (unix_seconds, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (LAST_SECOND, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(from_utf8(text(unix_seconds).as_bytes()), Ok(expected));
        }
    }

    /// Walks the calendar day by day, with nothing but the leap-year rule.
    #[test]
    fn every_day_to_the_year_9999_agrees_with_a_walk_through_the_calendar() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..=LAST_SECOND / SECONDS_PER_DAY {
            assert_eq!(civil(days), (year, month, day), "day {days}");
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let month_days = match month {
                2 if leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > month_days {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert_eq!((year, month, day), (10_000, 1, 1));
    }

    #[test]
    fn updating_equals_starting_anew() {
        let mut date = text(0);
        for unix_seconds in [
            1,
            59,
            60,
            3599,
            3600,
            86_399,
            86_400,
            86_401,
            5,
            1_709_251_199,
            1_709_251_200,
            u64::MAX,
            u64::MAX - 1,
            LAST_SECOND,
            0,
        ] {
            date.update(unix_seconds);
            assert_eq!(date, text(unix_seconds), "{unix_seconds}");
        }
    }
}
