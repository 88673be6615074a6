//! Pictures: panels with logarithmic axes, as SVG.

use std::fmt::Write as _;

use super::row::Client;

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 340.0;
/// Around what is drawn: left, right, top, bottom.
const MARGIN: (f64, f64, f64, f64) = (64.0, 92.0, 40.0, 48.0);

/// A diagram.
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
}

/// One of its sides: what it shows, and the values that get a mark.
pub(super) struct Axis {
    pub(super) name: &'static str,
    pub(super) marks: Vec<(f64, String)>,
}

/// One client's points.
pub(super) struct Line {
    pub(super) client: Client,
    pub(super) points: Vec<(f64, f64)>,
}

impl Axis {
    /// An axis with round values for marks, for all of these values.
    pub(super) fn fitting(name: &'static str, values: impl Iterator<Item = f64> + Clone) -> Self {
        let least = values.clone().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
        let most = values.fold(0.0, f64::max);
        if !least.is_finite() {
            return Self { name, marks: vec![(1.0, "1".to_owned()), (10.0, "10".to_owned())] };
        }
        let (mut first, mut last) = (least.log10().floor() * 3.0, most.log10().floor() * 3.0);
        while mark(first + 1.0) <= least {
            first += 1.0;
        }
        while mark(last) < most || last <= first {
            last += 1.0;
        }
        let mut marks = Vec::new();
        let mut at = first;
        while at <= last {
            marks.push((mark(at), show(mark(at))));
            at += 1.0;
        }
        Self { name, marks }
    }

    fn range(&self) -> (f64, f64) {
        let values = || self.marks.iter().map(|(value, _)| value.ln());
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
    }

    /// Where a value is, from 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let (least, most) = self.range();
        (value.ln() - least) / (most - least)
    }
}

/// 1, 2, 5, 10, 20 and so on, for 0, 1, 2, 3, 4.
fn mark(step: f64) -> f64 {
    let decade = 10_f64.powf((step / 3.0).floor());
    match step.rem_euclid(3.0) {
        rest if rest < 0.5 => decade,
        rest if rest < 1.5 => 2.0 * decade,
        _ => 5.0 * decade,
    }
}

/// A number with as few zeros as possible.
fn show(value: f64) -> String {
    match value {
        _ if value >= 1e6 => format!("{} M", value / 1e6),
        _ if value >= 1e3 => format!("{} k", value / 1e3),
        // 0.1 + 0.2 and the like.
        _ => format!("{}", (value * 1e6).round() / 1e6),
    }
}

const fn color(client: Client) -> &'static str {
    match client {
        Client::Ours => "#0072b2",
        Client::Peer => "#d55e00",
        Client::Raw => "#777777",
    }
}

/// The panels, side by side.
pub(super) fn draw(panels: &[Panel]) -> String {
    let count = u32::try_from(panels.len()).unwrap_or(1);
    let width = WIDTH * f64::from(count);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" \
         width=\"{width}\" height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\" \
         fill=\"#333\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for (place, panel) in (0_u32..).zip(panels) {
        let left = WIDTH * f64::from(place);
        // A string takes what it is given.
        let _ = writeln!(svg, "<g transform=\"translate({left} 0)\">\n{}</g>", panel.draw());
    }
    svg.push_str("</svg>\n");
    svg
}

impl Panel {
    fn draw(&self) -> String {
        let (left, right, top, bottom) = MARGIN;
        let (width, height) = (WIDTH - left - right, HEIGHT - top - bottom);
        let x = |value| left + width * self.x.place(value);
        let y = |value| top + height * (1.0 - self.y.place(value));
        let mut svg = String::new();
        let mut text = |x: f64, y: f64, more: &str, text: &str| {
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" {more}>{text}</text>");
        };
        let middle = "text-anchor=\"middle\"";
        text(left + width / 2.0, 20.0, &format!("{middle} font-weight=\"bold\""), &self.title);
        text(left + width / 2.0, HEIGHT - 8.0, middle, self.x.name);
        let turned = format!("{middle} transform=\"rotate(-90 14 {:.1})\"", top + height / 2.0);
        text(14.0, top + height / 2.0, &turned, self.y.name);
        for (value, mark) in &self.x.marks {
            text(x(*value), top + height + 18.0, middle, mark);
        }
        for (value, mark) in &self.y.marks {
            text(left - 6.0, y(*value) + 4.0, "text-anchor=\"end\"", mark);
        }
        let mut names = self.names(y);
        // Names that would cover each other move down.
        names.sort_by(|a, b| a.1.total_cmp(&b.1));
        let mut free = 0.0;
        for (client, at) in names {
            free = f64::max(at + 4.0, free);
            text(left + width + 8.0, free, &format!("fill=\"{}\"", color(client)), client.name());
            free += 14.0;
        }
        let mut stroke = |color: &str, width: f64, points: &str| {
            let _ = writeln!(
                svg,
                "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\" \
                 points=\"{points}\"/>"
            );
        };
        for (value, _) in &self.x.marks {
            let at = x(*value);
            stroke("#ddd", 1.0, &format!("{at:.1},{top:.1} {at:.1},{:.1}", top + height));
        }
        for (value, _) in &self.y.marks {
            let at = y(*value);
            stroke("#ddd", 1.0, &format!("{left:.1},{at:.1} {:.1},{at:.1}", left + width));
        }
        for line in &self.lines {
            let points = line.points.iter().map(|&(a, b)| format!("{:.1},{:.1}", x(a), y(b)));
            stroke(color(line.client), 2.5, &points.collect::<Vec<_>>().join(" "));
        }
        svg
    }

    /// The client of each line, and where the line ends.
    fn names(&self, y: impl Fn(f64) -> f64) -> Vec<(Client, f64)> {
        let ends = self.lines.iter().filter_map(|line| Some((line.client, line.points.last()?)));
        ends.map(|(client, (_, end))| (client, y(*end))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_around_the_values() {
        let axis = Axis::fitting("y", [3.0, 1500.0].into_iter());
        let names: Vec<_> = axis.marks.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, ["2", "5", "10", "20", "50", "100", "200", "500", "1 k", "2 k"]);
        assert!((axis.place(2.0), axis.place(2000.0)) == (0.0, 1.0));
        for value in [0.03, 1.0, 1.9, 2.1, 4.8, 5.0, 9.9] {
            let axis = Axis::fitting("y", [value].into_iter());
            assert!((0.0..=1.0).contains(&axis.place(value)), "{value}");
        }
    }

    #[test]
    fn every_line_is_drawn() {
        let line = |client| Line { client, points: vec![(16.0, 1.0), (128.0, 2.0)] };
        let axis = |name| Axis::fitting(name, [1.0, 128.0].into_iter());
        let lines = Client::ALL.map(line).into();
        let panel = Panel { title: "t".to_owned(), x: axis("x"), y: axis("y"), lines };
        let svg = draw(&[panel]);
        assert!(Client::ALL.iter().all(|client| svg.contains(client.name())));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
