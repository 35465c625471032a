//! Charts of block characters.

/// Eighths of a character, from the bottom and from the left.
const UP: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const RIGHT: [char; 9] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// How several values become one column.
#[derive(Clone, Copy, Debug)]
pub(super) enum Join {
    Mean,
    Most,
}

/// At most `width` columns of the values, each of as many neighbours as it takes.
pub(super) fn columns(values: &[f64], width: usize, join: Join) -> Vec<f64> {
    let each = values.len().div_ceil(width.max(1)).max(1);
    let joined = values.chunks(each).map(|chunk| match join {
        Join::Mean => chunk.iter().sum::<f64>() / chunk.len() as f64,
        Join::Most => chunk.iter().copied().fold(0.0, f64::max),
    });
    joined.collect()
}

/// Columns as high as their values, from the top row to the bottom one. What is above zero shows.
pub(super) fn graph(columns: &[f64], height: usize, most: f64) -> Vec<String> {
    let eighths: Vec<usize> = columns
        .iter()
        .map(|value| {
            let part = if most > 0.0 {
                (value / most).clamp(0.0, 1.0)
            } else {
                0.0
            };
            let eighths = (part * (height * 8) as f64).round() as usize;
            eighths.max(usize::from(*value > 0.0))
        })
        .collect();
    let rows = (0..height).rev().map(|row| {
        let cells = eighths
            .iter()
            .map(|full| UP[full.saturating_sub(row * 8).min(8)]);
        cells.collect()
    });
    rows.collect()
}

/// A bar from the left, `part` (0 to 1) of `width` long.
pub(super) fn bar(part: f64, width: usize) -> String {
    let eighths = (part.clamp(0.0, 1.0) * (width * 8) as f64).round() as usize;
    let eighths = eighths.max(usize::from(part > 0.0));
    (0..width)
        .map(|cell| RIGHT[eighths.saturating_sub(cell * 8).min(8)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_a_column() {
        let values = [1.0, 3.0, 5.0, 7.0, 9.0];
        assert_eq!(columns(&values, 10, Join::Mean), values);
        assert_eq!(columns(&values, 3, Join::Mean), [2.0, 6.0, 9.0]);
        assert_eq!(columns(&values, 3, Join::Most), [3.0, 7.0, 9.0]);
        assert!(columns(&[], 3, Join::Most).is_empty());
    }

    #[test]
    fn columns_are_as_high_as_their_values() {
        assert_eq!(
            graph(&[0.0, 0.001, 4.0, 8.0, 16.0], 2, 8.0),
            ["   ██", " ▁███"]
        );
        assert_eq!(graph(&[2.0, 6.0], 2, 8.0), [" ▄", "▄█"]);
        assert_eq!(graph(&[0.0], 1, 0.0), [" "]);
    }

    #[test]
    fn bars_are_as_long_as_their_part() {
        assert_eq!(bar(0.5, 3), "█▌ ");
        assert_eq!(bar(2.0, 2), "██");
        assert_eq!(bar(1e-6, 2), "▏ ");
        assert_eq!(bar(0.0, 2), "  ");
    }
}
