//! A QR code in half blocks: two modules per character, with the quiet zone that readers need.

use qrcode::{Color, EcLevel, QrCode};

/// Empty when the text is too long for a code.
pub fn draw(text: &str) -> String {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) else { return String::new() };
    let width = code.width() as isize;
    let modules = code.to_colors();
    let dark = |x: isize, y: isize| {
        let inside = (0..width).contains(&x) && (0..width).contains(&y);
        inside && modules[(y * width + x) as usize] == Color::Dark
    };
    // Light on dark, as terminals are: a light module is drawn, a dark one is left.
    let mut out = String::new();
    for y in (-QUIET..width + QUIET).step_by(2) {
        for x in -QUIET..width + QUIET {
            out.push(match (dark(x, y), dark(x, y + 1)) {
                (false, false) => '█',
                (false, true) => '▀',
                (true, false) => '▄',
                (true, true) => ' ',
            });
        }
        out.push('\n');
    }
    out
}

/// Two modules around: readers manage with half of the four that the standard asks for.
const QUIET: isize = 2;

/// Two drawings side by side, each with its caption.
pub fn side_by_side(left: (&str, &str), right: (&str, &str)) -> String {
    let (left_lines, right_lines): (Vec<&str>, Vec<&str>) =
        (left.1.lines().collect(), right.1.lines().collect());
    let width =
        left_lines.iter().map(|line| line.chars().count()).max().unwrap_or(0).max(left.0.chars().count());
    let mut out = format!("  {:width$}    {}\n", left.0, right.0);
    for index in 0..left_lines.len().max(right_lines.len()) {
        let line = |lines: &[&str]| lines.get(index).copied().unwrap_or("").to_owned();
        out.push_str(format!("  {:width$}    {}", line(&left_lines), line(&right_lines)).trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_square_and_framed_by_light() {
        let drawn = draw("sip:alice@192.0.2.1:5060;transport=tcp");
        let lines: Vec<&str> = drawn.lines().collect();
        let width = lines[0].chars().count();
        assert!(lines.iter().all(|line| line.chars().count() == width));
        assert_eq!(lines.len(), width.div_ceil(2));
        assert!(lines[0].chars().all(|c| c == '█'));
        // The finder pattern's first row below the quiet zone: seven dark modules over one light between two dark.
        assert!(lines[1].starts_with("██ ▄▄▄▄▄ "), "{}", lines[1]);
    }

    #[test]
    fn a_text_too_long_for_a_code_draws_nothing() {
        assert_eq!(draw(&"x".repeat(4_000)), "");
    }
}
