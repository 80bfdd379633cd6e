//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// Metrics one after the other; each name is used once.
#[derive(Default)]
pub struct MetricsText(String);

impl MetricsText {
    pub fn one(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.many(name, kind, help, [("", value)]);
    }

    /// One line per set of labels, each written as `key="value",...` by the caller from names of ours.
    pub fn many<'l, V: Display>(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        values: impl IntoIterator<Item = (&'l str, V)>,
    ) {
        self.head(name, kind, help);
        for (labels, value) in values {
            let _ = match labels {
                "" => writeln!(self.0, "{name} {value}"),
                _ => writeln!(self.0, "{name}{{{labels}}} {value}"),
            };
        }
    }

    /// `buckets` are upper bounds with what lies at or below each and above the one before; `count` is all of it.
    pub fn histogram(
        &mut self,
        name: &str,
        help: &str,
        buckets: impl IntoIterator<Item = (f64, u64)>,
        sum: f64,
        count: u64,
    ) {
        self.head(name, Kind::Histogram, help);
        let mut below = 0;
        for (bound, more) in buckets {
            below += more;
            let _ = writeln!(self.0, "{name}_bucket{{le=\"{bound}\"}} {below}");
        }
        let _ =
            writeln!(self.0, "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}");
    }

    fn head(&mut self, name: &str, kind: Kind, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {}", kind.name());
    }

    pub fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_written_as_prometheus_reads_them() {
        let mut text = MetricsText::default();
        text.one("coeur_malformed_total", Kind::Counter, "Messages that did not parse.", 3);
        text.many(
            "coeur_listeners",
            Kind::Gauge,
            "Open listeners.",
            [("transport=\"udp\"", 1), ("transport=\"tls\"", 2)],
        );
        assert_eq!(
            text.finish(),
            "# HELP coeur_malformed_total Messages that did not parse.\n# TYPE coeur_malformed_total counter\n\
             coeur_malformed_total 3\n# HELP coeur_listeners Open listeners.\n# TYPE coeur_listeners gauge\n\
             coeur_listeners{transport=\"udp\"} 1\ncoeur_listeners{transport=\"tls\"} 2\n"
        );
        let mut text = MetricsText::default();
        text.histogram("coeur_group_seconds", "Groups.", [(0.001, 2), (0.0025, 0), (0.01, 3)], 0.75, 6);
        assert_eq!(
            text.finish(),
            "# HELP coeur_group_seconds Groups.\n# TYPE coeur_group_seconds histogram\n\
             coeur_group_seconds_bucket{le=\"0.001\"} 2\ncoeur_group_seconds_bucket{le=\"0.0025\"} 2\n\
             coeur_group_seconds_bucket{le=\"0.01\"} 5\ncoeur_group_seconds_bucket{le=\"+Inf\"} 6\n\
             coeur_group_seconds_sum 0.75\ncoeur_group_seconds_count 6\n"
        );
    }
}
