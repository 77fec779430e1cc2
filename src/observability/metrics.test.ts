import { afterEach, describe, expect, it } from 'vitest';
import { createMetrics } from './metrics.ts';

describe('metrics', () => {
  const open: { close(): void }[] = [];
  afterEach(() => open.splice(0).forEach((metrics) => metrics.close()));
  const metricsOf = (options?: Parameters<typeof createMetrics>[0]) => {
    const metrics = createMetrics(options);
    open.push(metrics);
    return metrics;
  };

  it('carry the prefix and a help text, and counters end in _total', async () => {
    const text = await metricsOf({ includeProcess: false }).registry.metrics();
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => ({
      name,
      type,
    }));
    expect(types.length).toBeGreaterThan(15);
    for (const { name, type } of types) {
      expect(name).toMatch(/^avara_ingest_[a-z_]+$/);
      if (type === 'counter') expect(name).toMatch(/_total$/);
      expect(text).toMatch(new RegExp(`^# HELP ${name} .+`, 'm'));
    }
  });

  it('count by label, and show the state of others as of the scrape', async () => {
    const metrics = metricsOf({ includeProcess: false });
    let studies = 1;
    metrics.beforeScrape(() => metrics.studies.set({ state: 'stable' }, studies));
    metrics.instancesReceived.inc({ source: 'dimse', outcome: 'stored' }, 2);
    studies = 7;
    const text = await metrics.registry.metrics();
    expect(text).toContain('avara_ingest_instances_received_total{source="dimse",outcome="stored"} 2');
    expect(text).toContain('avara_ingest_studies{state="stable"} 7');
  });

  it('include the process under its usual names', async () => {
    expect(await metricsOf().registry.metrics()).toContain('process_resident_memory_bytes');
  });
});
