//! The arithmetic.

use super::*;

#[test]
fn medians_and_spreads() {
    assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
    assert!((median(vec![4.0, 1.0]) - 2.5).abs() < 1e-9);
    assert!(median(vec![]).abs() < 1e-9);
    assert!((spread(vec![900.0, 1000.0, 1100.0]) - 20.0).abs() < 1e-9);
    assert!(spread(vec![]).abs() < 1e-9);
}

#[test]
fn words_need_an_interval_without_1() {
    let word = |low, high| {
        let value = f64::midpoint(low, high);
        Interval { value, low, high }.word("faster", "slower")
    };
    assert_eq!(word(1.01, 1.2), "faster");
    assert_eq!(word(0.7, 0.99), "slower");
    assert_eq!(word(0.99, 1.2), "not decided");
    assert_eq!(word(1.0, 1.2), "not decided");
}

#[test]
fn one_pair_says_nothing_and_zeros_are_no_ratio() {
    assert_eq!(ratio_of_pairs(&[(1.0, 2.0)]), None);
    assert_eq!(ratio_of_pairs(&[(1.0, 2.0), (0.0, 1.0)]), None);
}

#[test]
fn three_pairs_have_students_interval() {
    let found = ratio_of_pairs(&[(100.0, 100.0), (100.0, 110.0), (100.0, 121.0)]).unwrap();
    assert!((found.value - 1.1).abs() < 1e-9, "{found:?}");
    // ln 1.1 = 0.09531 is the deviation as well; 4.303 / sqrt(3) = 2.4843.
    let half = 2.4843 * 1.1_f64.ln();
    assert!(
        (found.high.ln() - 1.1_f64.ln() - half).abs() < 1e-4,
        "{found:?}"
    );
    assert_eq!(found.word("faster", "slower"), "not decided");
}

#[test]
fn what_disturbs_both_sides_of_a_pair_does_not_count() {
    let pairs = [
        (100.0, 150.0),
        (50.0, 75.1),
        (10.0, 14.9),
        (80.0, 120.2),
        (33.0, 49.4),
    ];
    let found = ratio_of_pairs(&pairs).unwrap();
    assert!(found.low > 1.48 && found.high < 1.52, "{found:?}");
    assert!(found.low < found.value && found.value < found.high);
}

#[test]
fn quantiles() {
    for (freedom, known) in [(9, 2.262), (14, 2.145), (29, 2.045)] {
        assert!((student(freedom) - known).abs() < 0.01, "{freedom}");
    }
    assert!((upper_tail(Z) - 0.025).abs() < 1e-6);
    assert!((upper_tail(3.1) - 0.000_967_6).abs() < 1e-6);
}
