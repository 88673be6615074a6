//! Modules that import each other, directly or over others.

use super::imports::Import;

/// The circles among `count` modules: sets of modules each of which reaches all others of its set.
pub(super) fn of(count: usize, imports: &[Import]) -> Vec<Vec<usize>> {
    let reaches: Vec<_> = (0..count).map(|module| reached_from(module, count, imports)).collect();
    let does_reach =
        |from: usize, to: usize| reaches.get(from).and_then(|set| set.get(to)) == Some(&true);
    let mut circles = Vec::new();
    let mut is_told = vec![false; count];
    for module in 0..count {
        let is_in = |&other: &usize| does_reach(module, other) && does_reach(other, module);
        let circle: Vec<_> = (0..count).filter(is_in).collect();
        if circle.len() > 1 && is_told.get(module) == Some(&false) {
            for &member in &circle {
                if let Some(told) = is_told.get_mut(member) {
                    *told = true;
                }
            }
            circles.push(circle);
        }
    }
    circles
}

/// Which modules are reached from `start` over one import or more.
fn reached_from(start: usize, count: usize, imports: &[Import]) -> Vec<bool> {
    let mut reached = vec![false; count];
    let mut open = vec![start];
    while let Some(module) = open.pop() {
        for import in imports.iter().filter(|import| import.from == module) {
            if let Some(is_reached) = reached.get_mut(import.to)
                && !std::mem::replace(is_reached, true)
            {
                open.push(import.to);
            }
        }
    }
    reached
}
