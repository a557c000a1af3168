//! How AWS writes a time.

/// A UTC time in its fields.
struct Civil {
    year: i64,
    month: usize,
    day: i64,
    second_of_day: u64,
    ms: u64,
}

impl Civil {
    /// From milliseconds since 1970, by the era arithmetic of H. Hinnant's `civil_from_days`.
    fn from_ms(epoch_ms: u64) -> Self {
        let days = i64::try_from(epoch_ms / 86_400_000).unwrap_or(0) + 719_468;
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: usize::try_from(month).unwrap_or(1),
            day: day_of_year - (153 * shifted + 2) / 5 + 1,
            second_of_day: epoch_ms % 86_400_000 / 1000,
            ms: epoch_ms % 1000,
        }
    }

    fn hms(&self) -> (u64, u64, u64) {
        let s = self.second_of_day;
        (s / 3600, s / 60 % 60, s % 60)
    }
}

/// `requestContext.requestTime`: `dd/MMM/yyyy:HH:mm:ss +0000` (Developer Guide, "API Gateway
/// mapping template and access logging variable reference": a CLF-formatted time).
pub(crate) fn request_time(epoch_ms: u64) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let t = Civil::from_ms(epoch_ms);
    let (h, m, s) = t.hms();
    let month = MONTHS[(t.month - 1) % 12];
    format!(
        "{:02}/{month}/{:04}:{h:02}:{m:02}:{s:02} +0000",
        t.day, t.year
    )
}

/// Months since year 0, for periods that begin with one.
pub(crate) fn month(epoch_ms: u64) -> u64 {
    let t = Civil::from_ms(epoch_ms);
    u64::try_from(t.year).unwrap_or(0) * 12 + t.month as u64
}

/// ISO 8601 with milliseconds and `Z`, as `GetConnection` answers (AWS CLI reference,
/// `apigatewaymanagementapi get-connection`).
pub(crate) fn iso_ms(epoch_ms: u64) -> String {
    let t = Civil::from_ms(epoch_ms);
    let (h, m, s) = t.hms();
    format!(
        "{:04}-{:02}-{:02}T{h:02}:{m:02}:{s:02}.{:03}Z",
        t.year, t.month, t.day, t.ms
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_aws_logged_them() {
        for (ms, clf, iso) in [
            (0, "01/Jan/1970:00:00:00 +0000", "1970-01-01T00:00:00.000Z"),
            (
                1_701_245_041_798,
                "29/Nov/2023:08:04:01 +0000",
                "2023-11-29T08:04:01.798Z",
            ),
            (
                1_708_327_306_706,
                "19/Feb/2024:07:21:46 +0000",
                "2024-02-19T07:21:46.706Z",
            ),
            (
                1_588_277_433_236,
                "30/Apr/2020:20:10:33 +0000",
                "2020-04-30T20:10:33.236Z",
            ),
            (
                1_709_210_096_007,
                "29/Feb/2024:12:34:56 +0000",
                "2024-02-29T12:34:56.007Z",
            ),
            (
                951_868_800_000,
                "01/Mar/2000:00:00:00 +0000",
                "2000-03-01T00:00:00.000Z",
            ),
            (
                4_102_444_799_999,
                "31/Dec/2099:23:59:59 +0000",
                "2099-12-31T23:59:59.999Z",
            ),
        ] {
            assert_eq!(request_time(ms), clf);
            assert_eq!(iso_ms(ms), iso);
        }
    }
}
