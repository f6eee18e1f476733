// The token: in the tab's own storage, which ends with the tab; nowhere else, and never in an address.

const NAME = "gateway.token";

export function storedToken(): string {
  return sessionStorage.getItem(NAME) ?? "";
}

export function storeToken(token: string): void {
  sessionStorage.setItem(NAME, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(NAME);
}
