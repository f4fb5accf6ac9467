"""What is asked of a product that is read whole: the same, whether a page or a file of a bulk operation brings it.

No connections: a page asks for these by `nodes`, a bulk query by `edges { node }` (shopify.md 5).
"""

# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/Product
PRODUCT = """
  id
  handle
  title
  descriptionHtml
  vendor
  productType
  category { id fullName }
  tags
  status
  seo { title description }
  isGiftCard
  updatedAt
  variantsCount { count }
  options { id name optionValues { name } linkedMetafield { key } }
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/ProductVariant
VARIANT = """
  id
  sku
  barcode
  position
  price
  compareAtPrice
  taxable
  inventoryPolicy
  inventoryQuantity
  requiresComponents
  selectedOptions { name value }
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/InventoryItem
ITEM = """
  id
  tracked
  requiresShipping
  countryCodeOfOrigin
  harmonizedSystemCode
  unitCost { amount }
  measurement { weight { value unit } }
"""
LISTING = "isPublished publishDate publication { id }"
MEDIA = "id alt status mediaContentType ... on MediaImage { image { url } }"
METAFIELD = "namespace key type value"
