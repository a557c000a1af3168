//! The two forms in which a request says when it was signed.

/// `20130524T000000Z`: ISO 8601's basic format.
pub(crate) const BASIC: usize = 16;

/// Seconds since 1970 of `20130524T000000Z`; `None` for anything else, also for a 31 February.
pub(crate) fn parse_basic(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != BASIC || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    let number = |from: usize, to: usize| {
        bytes[from..to].iter().try_fold(0_i64, |n, byte| {
            byte.is_ascii_digit()
                .then(|| n * 10 + i64::from(byte - b'0'))
        })
    };
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
    seconds(year, month, day, hour, minute, second)
}

/// Seconds since 1970 of `Fri, 24 May 2013 00:00:00 GMT` (RFC 9110 §5.6.7, the form that is sent).
pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let mut words = text.split(' ');
    let _weekday = words.next()?.strip_suffix(',')?;
    let day = words.next()?.parse().ok()?;
    let month = words.next().filter(|month| month.len() == 3)?;
    let month = MONTHS.find(month).filter(|at| at % 3 == 0)? / 3 + 1;
    let year = words.next()?.parse().ok()?;
    let mut clock = words.next()?.splitn(3, ':').map(str::parse);
    let mut next = || clock.next()?.ok();
    let (hour, minute, second) = (next()?, next()?, next()?);
    match (words.next(), words.next()) {
        (Some("GMT"), None) => seconds(year, i64::try_from(month).ok()?, day, hour, minute, second),
        _ => None,
    }
}

fn seconds(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<i64> {
    let in_range = (0..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    if !in_range || !(1..=days_of_month(year, month)).contains(&day) {
        return None;
    }
    // H. Hinnant's `days_from_civil`.
    let shifted_year = year - i64::from(month <= 2);
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// `20130524T000000Z`.
pub(crate) fn basic(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400) + 719_468;
    let second_of_day = seconds.rem_euclid(86_400);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = (shifted + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (
        second_of_day / 3600,
        second_of_day / 60 % 60,
        second_of_day % 60,
    );
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_of_a_time_are_read() {
        for (basic_form, http_form, seconds) in [
            ("19700101T000000Z", "Thu, 01 Jan 1970 00:00:00 GMT", 0),
            (
                "20130524T000001Z",
                "Fri, 24 May 2013 00:00:01 GMT",
                1_369_353_601,
            ),
            (
                "20240229T123456Z",
                "Thu, 29 Feb 2024 12:34:56 GMT",
                1_709_210_096,
            ),
            (
                "20991231T235959Z",
                "Thu, 31 Dec 2099 23:59:59 GMT",
                4_102_444_799,
            ),
        ] {
            assert_eq!(parse_basic(basic_form), Some(seconds));
            assert_eq!(parse_http_date(http_form), Some(seconds));
            assert_eq!(basic(seconds), basic_form);
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "20130524",
            "20130524T000000",
            "20130524T000000z",
            "20130524t000000Z",
            "20130231T000000Z",
            "20131301T000000Z",
            "20130524T240000Z",
            "2013-05-24T00:00:00Z",
            "2013052 T000000Z",
            "20130524T0000é",
        ] {
            assert_eq!(parse_basic(text), None, "{text}");
        }
        for text in [
            "",
            "Fri, 24 May 2013",
            "Fri, 24 ayJ 2013 00:00:00 GMT",
            "Fri 24 May 2013 00:00:00 GMT",
            "Fri, 24 May 2013 00:00:00 CET",
            "Fri, 24 May 2013 00:00 GMT",
            "Fri, 32 May 2013 00:00:00 GMT",
            "Fri, 24 May 2013 00:00:00 GMT ",
        ] {
            assert_eq!(parse_http_date(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_time_survives_its_basic_form(seconds in 0_i64..253_402_300_800) {
            prop_assert_eq!(parse_basic(&basic(seconds)), Some(seconds));
        }

        #[test]
        fn no_text_makes_the_readers_panic(text in "\\PC{0,40}") {
            let _ = (parse_basic(&text), parse_http_date(&text));
        }
    }
}
