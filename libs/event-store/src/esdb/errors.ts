/** The server or its configuration is not as it has to be; trying again does not help. */
export class StoreMisconfigured extends Error {
  override readonly name = 'StoreMisconfigured';
}

/** gRPC status codes that are told apart here. */
export const GRPC = { invalidArgument: 3, permissionDenied: 7, unavailable: 14, unauthenticated: 16 } as const;

/** The gRPC status in an error of the client library, whatever class it is of. */
export function grpcCodeOf(error: unknown): number | undefined {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === 'number' ? code : undefined;
}

/** What the client library calls its errors. */
export function typeOf(error: unknown): string | undefined {
  const { type } = Object(error) as { type?: unknown };
  return typeof type === 'string' ? type : undefined;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
