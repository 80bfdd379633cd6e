//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
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
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in values {
            let _ = match labels {
                "" => writeln!(self.0, "{name} {value}"),
                _ => writeln!(self.0, "{name}{{{labels}}} {value}"),
            };
        }
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
    }
}
