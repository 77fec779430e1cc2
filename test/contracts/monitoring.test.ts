import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/observability/metrics.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}
const DASHBOARD = JSON.parse(read('grafana/dashboard.json')) as { readonly panels: readonly Panel[] };
const RULES = read('prometheus/alerts.yml');
const RULE_EXPRESSIONS = [...RULES.matchAll(/^ +expr: (.+)$/gm)].map(([, expr = '']) => expr);
const PANEL_EXPRESSIONS = DASHBOARD.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

/** Labels of each series that the daemon may show, by its name; histograms with their parts. */
let declared: Map<string, ReadonlySet<string>>;
beforeAll(async () => {
  const metrics = createMetrics();
  const text = await metrics.registry.metrics();
  const labels = new Map(
    Object.values(metrics).flatMap((metric) => {
      const { name, labelNames } = metric as { name?: string; labelNames?: string[] };
      return name === undefined ? [] : [[name, labelNames ?? []] as const];
    }),
  );
  metrics.close();
  declared = new Map([['up', new Set(['job'])]]);
  for (const [, name = '', type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    const known = new Set(['job', ...(labels.get(name) ?? ['quantile'])]);
    const names = type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name];
    for (const one of names) declared.set(one, type === 'histogram' ? new Set([...known, 'le']) : known);
  }
});

/** Series named in an expression, each with the labels it is selected by. */
function seriesOf(expr: string): readonly { readonly name: string; readonly labels: readonly string[] }[] {
  const named = expr.matchAll(/\b(up|(?:avara_ingest|process|nodejs)_\w+)(?:\{([^}]*)\})?/g);
  return [...named].map(([, name = '', selectors = '']) => ({
    name,
    labels: [...selectors.matchAll(/(\w+)=/g)].map(([, label = '']) => label),
  }));
}

describe.each([
  ['prometheus/alerts.yml', RULE_EXPRESSIONS],
  ['grafana/dashboard.json', PANEL_EXPRESSIONS],
])('%s', (_file, expressions) => {
  it('asks only for series that the daemon has, by labels that they have', () => {
    expect(expressions.length).toBeGreaterThan(10);
    for (const expr of expressions) {
      const series = seriesOf(expr);
      expect(series.length, expr).toBeGreaterThan(0);
      for (const { name, labels } of series) {
        expect([...declared.keys()], expr).toContain(name);
        for (const label of labels) expect([...(declared.get(name) ?? [])], expr).toContain(label);
      }
    }
  });
});

describe('grafana/dashboard.json', () => {
  it('shows every metric of ours somewhere, but for few', () => {
    const text = PANEL_EXPRESSIONS.join('\n');
    const unseen = [...declared.keys()]
      .filter((name) => name.startsWith('avara_ingest_') && !/_(?:sum|count)$/.test(name))
      .filter((name) => !text.includes(name));
    expect(unseen.length, unseen.join(', ')).toBeLessThan(8);
  });

  it('has panels that do not lie upon each other, each with an id of its own', () => {
    const { panels } = DASHBOARD;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
  });
});

describe('prometheus/alerts.yml', () => {
  it('gives each rule a severity and says what is wrong', () => {
    const count = (pattern: RegExp): number => [...RULES.matchAll(pattern)].length;
    const rules = count(/^ +- alert: AvaraIngest\w+$/gm);
    expect(rules).toBeGreaterThan(10);
    expect(count(/^ +labels: \{ severity: (?:warning|critical) \}$/gm)).toBe(rules);
    expect(count(/^ +summary: .+$/gm)).toBe(rules);
    expect(RULE_EXPRESSIONS).toHaveLength(rules);
  });
});
