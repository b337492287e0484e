import * as z from 'zod';

export const PROTOCOLS = ['http/protobuf', 'http/json'] as const;
export const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

export type Protocol = (typeof PROTOCOLS)[number];
export type SamplerName = (typeof SAMPLERS)[number];

/** Where traces are sent, and which. */
export interface TracingRules {
  url: string;
  protocol: Protocol;
  /** For how long a batch is tried to be sent. */
  timeoutMs: number;
  /** When a batch is sent at the latest. */
  delayMs: number;
  /** What is said of the server, its name among it. */
  attributes: Readonly<Record<string, string>>;
  sampler: SamplerName;
  /** The part that is traced, where the sampler takes one. */
  ratio: number;
}

interface Variables {
  OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined;
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?: string | undefined;
  OTEL_EXPORTER_OTLP_PROTOCOL: string;
  OTEL_EXPORTER_OTLP_TIMEOUT: number;
  OTEL_BSP_SCHEDULE_DELAY: number;
  OTEL_SERVICE_NAME?: string | undefined;
  OTEL_RESOURCE_ATTRIBUTES?: Record<string, string> | undefined;
  OTEL_TRACES_SAMPLER: string;
  OTEL_TRACES_SAMPLER_ARG: string;
  OTEL_SDK_DISABLED: boolean;
}

/** Source: OpenTelemetry specification, "OpenTelemetry Protocol Exporter" and "Environment Variable Specification". */
export function tracingOf(env: Variables): TracingRules | null {
  const { OTEL_EXPORTER_OTLP_PROTOCOL: protocol, OTEL_TRACES_SAMPLER: sampler } = env;
  const url = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? tracesAt(env.OTEL_EXPORTER_OTLP_ENDPOINT);
  // Other protocols and samplers are refused where anything is traced.
  if (!url || !isTraced(env) || !isProtocol(protocol) || !isSampler(sampler)) return null;
  return {
    url,
    protocol,
    timeoutMs: env.OTEL_EXPORTER_OTLP_TIMEOUT,
    delayMs: env.OTEL_BSP_SCHEDULE_DELAY,
    attributes: {
      'service.name': 'tessera',
      ...env.OTEL_RESOURCE_ATTRIBUTES,
      ...(env.OTEL_SERVICE_NAME && { 'service.name': env.OTEL_SERVICE_NAME }),
    },
    sampler,
    ratio: isRatioSampler(sampler) ? Number(env.OTEL_TRACES_SAMPLER_ARG) : 1,
  };
}

function tracesAt(endpoint: string | undefined): string | undefined {
  if (endpoint === undefined) return undefined;
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`;
  return url.href;
}

export function isTraced({
  OTEL_EXPORTER_OTLP_ENDPOINT,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
  OTEL_SDK_DISABLED,
}: Partial<Variables>): boolean {
  return OTEL_SDK_DISABLED !== true && Boolean(OTEL_EXPORTER_OTLP_ENDPOINT ?? OTEL_EXPORTER_OTLP_TRACES_ENDPOINT);
}

export function isProtocol(name: string): name is Protocol {
  return (PROTOCOLS as readonly string[]).includes(name);
}

export function isSampler(name: string): name is SamplerName {
  return (SAMPLERS as readonly string[]).includes(name);
}

export function isRatioSampler(name: string): boolean {
  return name.endsWith('traceidratio');
}

export function isRatio(text: string): boolean {
  return /^\d*\.?\d+$/.test(text) && Number(text) <= 1;
}

/** A URL that shows no password: it may stand in a log. */
export function collectorOf(text: string, context: z.RefinementCtx): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password) return url.href;
  context.addIssue({
    code: 'custom',
    message:
      'must be an http or https URL without a user, such as http://127.0.0.1:4318; what the collector asks for goes ' +
      'into OTEL_EXPORTER_OTLP_HEADERS',
  });
  return z.NEVER;
}

/** `name=value`, comma-separated, values percent-encoded: W3C Baggage without properties. */
export function pairs() {
  return z.string().transform((text, context) => {
    try {
      return Object.fromEntries(text.split(',').filter(isMeant).map(pairOf));
    } catch {
      context.addIssue({
        code: 'custom',
        message: 'must be name=value pairs, comma-separated, values percent-encoded',
      });
      return z.NEVER;
    }
  });
}

function isMeant(part: string): boolean {
  return part.trim() !== '';
}

function pairOf(part: string): [string, string] {
  const [, name, value] = /^\s*([^=\s]+)\s*=(.*)$/.exec(part) ?? [];
  if (name === undefined || value === undefined) throw new SyntaxError('no pair');
  return [decodeURIComponent(name), decodeURIComponent(value.trim())];
}

export function isHeader([name, value]: [string, string]): boolean {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\x20-\x7e]*$/.test(value);
}
