//! Dates as Lambda writes them.

/// `2026/11/22`, UTC, from milliseconds since 1970: the beginning of a log stream's name.
pub(crate) fn day(epoch_ms: u64) -> String {
    let (year, month, day) = civil(epoch_ms / 86_400_000);
    format!("{year:04}/{month:02}/{day:02}")
}

/// `2019-11-14T18:16:05.568Z`, from milliseconds since 1970.
pub(crate) fn instant(epoch_ms: u64) -> String {
    let (year, month, day) = civil(epoch_ms / 86_400_000);
    let (seconds, ms) = (epoch_ms / 1000 % 86_400, epoch_ms % 1000);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// Year, month and day of a day since 1970: Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`, for days that are not negative.
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970/01/01"),
            (951_782_400, "2000/02/29"),
            (951_868_800, "2000/03/01"),
            (1_735_689_599, "2024/12/31"),
            (1_795_305_600, "2026/11/22"),
        ] {
            assert_eq!(day(seconds * 1000), expected);
        }
    }
}
