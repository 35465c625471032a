// The datasets and the lists made from them.

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What was found at start; a missing or malformed file leaves `null`. */
export function load(dataDir) {
  return {
    small: read(join(dataDir, "dataset.json"), "/json"),
    large: read(join(dataDir, "dataset-large.json"), "/compression"),
  };
}

function read(path, endpoint) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    console.error(`node: ${path}: ${error.message}; ${endpoint} answers 500`);
    return null;
  }
}

/** `{"items":[...],"count":n}` of the first `count` items with their totals. */
export function list(items, count, factor) {
  const size = Math.min(Math.max(count, 0), items.length);
  const answered = new Array(size);
  for (let index = 0; index < size; index += 1) {
    const item = items[index];
    // Whole prices give whole totals; fractional ones are rounded to cents.
    const total = Math.round(item.price * item.quantity * factor * 100) / 100;
    answered[index] = {
      id: item.id,
      name: item.name,
      category: item.category,
      price: item.price,
      quantity: item.quantity,
      active: item.active,
      tags: item.tags,
      rating: item.rating,
      total,
    };
  }
  return JSON.stringify({ items: answered, count: size });
}
